/** An HTTP server in the gateway's place, that answers as a test says. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Asked {
  method: string;
  path: string;
  body: any; // eslint-disable-line @typescript-eslint/no-explicit-any
}

export class Gateway {
  asked: Asked[] = [];
  /** The next answers to `/v1/events` and `/v1/interactions`; then 202. */
  answers: { status: number; body?: object }[] = [];
  /** What `/v1/messages/stream` says; it stays open. */
  stream = "";
  private server: Server | undefined;

  async start(): Promise<string> {
    this.server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        const body = parts.length ? JSON.parse(Buffer.concat(parts).toString()) : undefined;
        this.asked.push({ method: request.method ?? "", path: request.url ?? "", body });
        if (request.url === "/v1/messages/stream") {
          response.writeHead(200, { "Content-Type": "text/event-stream" });
          response.write(this.stream);
          return;
        }
        const { status, body: said } = this.answer(request.url ?? "");
        response.writeHead(status, { "Content-Type": "application/json" });
        response.end(JSON.stringify(said ?? {}));
      });
    });
    await new Promise<void>((done) => this.server!.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private answer(path: string): { status: number; body?: object } {
    if (path === "/v1/visitors") {
      return { status: 201, body: { anonymous_id: "a-1", visitor: "a-1.mac" } };
    }
    return this.answers.shift() ?? { status: 202 };
  }

  /** The events of each request that carried some. */
  batches(): any[][] { // eslint-disable-line @typescript-eslint/no-explicit-any
    return this.asked.filter((each) => each.path === "/v1/events").map((each) => each.body.events);
  }

  stop(): void {
    this.server?.closeAllConnections();
    this.server?.close();
  }
}
