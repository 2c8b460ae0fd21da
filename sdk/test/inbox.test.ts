import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { Message } from "../src/public";
import { events } from "../src/stream";
import { Gateway } from "./gateway";
import { opened, turn, type Page } from "./page";

let gateway: Gateway;
let page: Page;
const went: string[] = [];

const message = (job_id: string, more: Partial<Message> = {}) => ({
  job_id, scenario: "price_drop", title: "Vase", body: "…", url: "/vase", tag: "vase",
  channel: "onsite", at: Date.now(), expires_at: Date.now() + 60_000, read: false,
  subscription_id: "d".repeat(32), token: "t", ...more,
}); // prettier-ignore

const said = (news: string, content: object) =>
  `event: ${news}\ndata: ${JSON.stringify(content)}\n\n`;

beforeEach(async () => {
  page = await opened({ assign: (url: string) => went.push(url) });
  went.length = 0;
  gateway = new Gateway();
  const { put } = await import("../src/store");
  await put("config", { gateway: await gateway.start(), key: "page-key", locale: "pl" });
  await import("../src/inbox");
});

afterEach(() => {
  turn(page, "hidden");
  gateway.stop();
  vi.unstubAllGlobals();
});

const told = () => gateway.asked.filter((each) => each.path === "/v1/interactions");

test("an onsite message is shown once in this browser, and told of", async () => {
  gateway.stream =
    said("message", message("by-push", { channel: "push" })) +
    said("message", message("too-late", { expires_at: 1 })) +
    said("message", message("job-1")) +
    said("message", message("job-1"));
  const shown: string[] = [];
  const come: (string | undefined)[] = [];
  nudge.inbox!.onchange((each) => come.push(each?.job_id));
  nudge.inbox!.start({ show: (each) => shown.push(each.job_id) });
  await vi.waitFor(() => expect(told()).toHaveLength(1));
  await vi.waitFor(() => expect(come).toContain("by-push"));
  expect(nudge.inbox!.live).toBe(true);
  expect(shown).toEqual(["job-1"]);
  expect(told()[0]!.body).toMatchObject({ type: "displayed", job_id: "job-1", token: "t" });
});

test("a click is told, marks it as read, and goes only where a page can be", async () => {
  await nudge.inbox!.open(message("job-1") as Message);
  await nudge.inbox!.open(message("job-2", { url: "javascript:alert(1)" }) as Message);
  expect(went).toEqual(["https://shop.example/vase"]);
  expect(told().map((each) => each.body.type)).toEqual(["clicked", "clicked"]);
  const read = gateway.asked.filter((each) => each.path === "/v1/messages/read");
  expect(read.map((each) => each.body.job_ids)).toEqual([["job-1"], ["job-2"]]);
});

test("a button without a link only tells", async () => {
  const actions = [{ action: "answer/good", title: "Good" }];
  await nudge.inbox!.open(message("job-1", { actions }) as Message, "answer/good");
  expect(went).toEqual([]);
  expect(told()[0]!.body).toMatchObject({ type: "clicked", action: "answer/good" });
});

test.each([true, false])("the file that comes after `init` starts itself: %s", async (wanted) => {
  vi.resetModules();
  Object.assign(nudge, { options: { gateway: "", key: "", ...(!wanted && { inbox: false }) } });
  await import("../src/inbox");
  await new Promise((done) => setTimeout(done, 100));
  expect(nudge.inbox!.live).toBe(wanted);
});

test("a click goes where it leads, though the gateway says nothing", async () => {
  gateway.hangs = true;
  void nudge.inbox!.open(message("job-1") as Message);
  await vi.waitFor(() => expect(went).toEqual(["https://shop.example/vase"]));
  const { peek } = await import("../src/store");
  expect((await peek<{ type: string }>("reports", 9)).map(([, each]) => each.type)).toEqual([
    "clicked",
  ]);
});

test("a click goes where it leads, though nothing can be written down", async () => {
  vi.stubGlobal("indexedDB", { open: () => { throw new Error("no room"); } }); // prettier-ignore
  vi.resetModules();
  await import("../src/inbox");
  await nudge.inbox!.open(message("job-1") as Message).catch(() => undefined);
  expect(went).toEqual(["https://shop.example/vase"]);
});

test("a page that nobody sees does not listen", async () => {
  page.visibilityState = "hidden";
  nudge.inbox!.start();
  expect(nudge.inbox!.live).toBe(false);
  turn(page, "visible");
  await vi.waitFor(() => expect(nudge.inbox!.live).toBe(true));
  turn(page, "hidden");
  expect(nudge.inbox!.live).toBe(false);
});

test("an event that comes in pieces is read whole", async () => {
  const encoder = new TextEncoder();
  const pieces = ["retry: 1\n\nevent: me", "ssage\ndata: {\"a\":", "\"ż\"}\n\n:\n\n", "event: gone\n"];
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const bytes = encoder.encode(pieces.join(""));
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  const heard: string[][] = [];
  await events(body, (name, data) => heard.push([name, data]));
  expect(heard).toEqual([["message", '{"a":"ż"}']]);
});
