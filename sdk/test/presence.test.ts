import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Gateway } from "./gateway";
import { opened, turn, type Page } from "./page";

let gateway: Gateway;
let page: Page;
let live: boolean;

beforeEach(async () => {
  live = true;
  page = await opened();
  gateway = new Gateway();
  await import("../src/nudge");
  const inbox = { get live() { return live; }, start() {} }; // prettier-ignore
  Object.assign(nudge, { inbox });
  await nudge.init({ gateway: await gateway.start(), key: "page-key" });
});

afterEach(() => {
  gateway.stop();
  vi.unstubAllGlobals();
});

const engaged = () => gateway.batches().flat().filter((event) => event.type === "engagement");

test("a page that showed messages says so, and when it does no more", async () => {
  dispatchEvent(new Event("nudge:live"));
  await vi.waitFor(() => expect(engaged()).toHaveLength(1), 8000);
  expect(engaged()[0].onsite).toBe(true);
  turn(page, "hidden");
  await vi.waitFor(() => expect(engaged()).toHaveLength(2));
  expect(engaged()[1].onsite).toBeUndefined();
  turn(page, "visible");
  dispatchEvent(new Event("nudge:live"));
  await vi.waitFor(() => expect(engaged()).toHaveLength(3), 8000);
  expect(engaged()[2].onsite).toBe(true);
});

test("a link of the shop is no leaving: the next page is in front in a moment", async () => {
  dispatchEvent(new Event("nudge:live"));
  await vi.waitFor(() => expect(engaged()).toHaveLength(1), 8000);
  page.dispatchEvent(new Event("click"));
  await nudge.search({ query: "tea" });
  turn(page, "hidden");
  await vi.waitFor(() => expect(gateway.batches().flat()).toHaveLength(3), 8000);
  expect(engaged()).toHaveLength(1);
});

test("a page that shows none has nothing to take back", async () => {
  live = false;
  dispatchEvent(new Event("nudge:live"));
  turn(page, "hidden");
  await vi.waitFor(() => expect(gateway.batches().flat()).toHaveLength(1), 8000);
  expect(engaged()).toHaveLength(0);
});

test("a page whose title is longer than is taken is told of by its beginning", async () => {
  page = await opened();
  Object.assign(page, { title: "🍵".repeat(300) });
  await import("../src/nudge");
  await nudge.init({ gateway: await gateway.start(), key: "page-key" });
  const seen = () => gateway.batches().flat().filter((event) => event.title !== "");
  await vi.waitFor(() => expect(seen()).toHaveLength(1), 8000);
  expect([...seen()[0].title]).toHaveLength(256);
});
