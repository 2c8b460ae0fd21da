/** An HTTP server in the gateway's place, that answers as a test says. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Asked {
  method: string;
  path: string;
  body: any; // eslint-disable-line @typescript-eslint/no-explicit-any
}

/** As the gateway's own default. */
const MOST_BYTES = 65_536;

export class Gateway {
  asked: Asked[] = [];
  /** An event of which it cannot say which one it is: a batch with one is refused. */
  unreadable: (event: any) => boolean = () => false; // eslint-disable-line @typescript-eslint/no-explicit-any
  /** The next answers to `/v1/events` and `/v1/interactions`; then 202. */
  answers: { status: number; body?: object }[] = [];
  /** What it says of every identity token: `expired` lets a logout pass. */
  refuses: "unauthorized" | "expired" | undefined;
  /** Whether it gives out ids of visitors. */
  names = true;
  /** Its proxy answers in its place. */
  away = false;
  /** It takes connections, and never answers. */
  hangs = false;
  /** What `/v1/messages/stream` says; it stays open. */
  stream = "";
  private server: Server | undefined;

  async start(): Promise<string> {
    this.server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        const sent = Buffer.concat(parts);
        const body = sent.length ? JSON.parse(sent.toString()) : undefined;
        this.asked.push({ method: request.method ?? "", path: request.url ?? "", body });
        if (this.hangs) return;
        if (request.url === "/v1/messages/stream") {
          response.writeHead(200, { "Content-Type": "text/event-stream" });
          response.write(this.stream);
          return;
        }
        const { status, body: said } =
          sent.length > MOST_BYTES
            ? { status: 413, body: { code: "too_large" } }
            : this.answer(request.url ?? "", body);
        response.writeHead(status, { "Content-Type": "application/json" });
        response.end(JSON.stringify(said ?? {}));
      });
    });
    await new Promise<void>((done) => this.server!.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private answer(path: string, asked: any): { status: number; body?: object } { // eslint-disable-line @typescript-eslint/no-explicit-any
    if (this.away) return { status: 503 };
    if (path === "/v1/visitors") {
      if (!this.names) return { status: 401 };
      return { status: 201, body: { anonymous_id: "a-1", visitor: "a-1.mac" } };
    }
    if (path === "/v1/keys/current") return { status: 200, body: { key_id: "k", public_key: "" } };
    const names = (event: { type: string; user_id?: string }) =>
      event.user_id && (event.type !== "logout" || this.refuses === "unauthorized");
    const used = this.refuses === "unauthorized" || !asked?.events || asked.events.some(names);
    if (this.refuses && asked?.identity && used) return { status: 401, body: { code: this.refuses } };
    if (path === "/v1/subscriptions") return { status: 200, body: {} };
    if (path === "/v1/events" && asked.events.some(this.unreadable)) {
      return { status: 400, body: { code: "bad_json" } };
    }
    return this.answers.shift() ?? { status: 202 };
  }

  /** The events of each request that carried some. */
  batches(): any[][] { // eslint-disable-line @typescript-eslint/no-explicit-any
    return this.asked.filter((each) => each.path === "/v1/events").map((each) => each.body.events);
  }

  /** Whose subscription it was told to be: of a user by the token, or of the visitor. */
  bound(): (string | undefined)[] {
    const told = this.asked.filter((each) => each.path === "/v1/subscriptions");
    return told.map((each) => each.body.identity);
  }

  stop(): void {
    this.server?.closeAllConnections();
    this.server?.close();
  }
}
