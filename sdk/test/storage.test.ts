import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Gateway } from "./gateway";
import { opened, subscribed, type Desk } from "./page";

let gateway: Gateway;
let desk: Desk;
let url: string;

const part = (claims: object) => Buffer.from(JSON.stringify(claims)).toString("base64url");
const token = `${part({})}.${part({ sub: "ada", iat: 0, exp: 3600 })}.signed`;

beforeEach(async () => {
  await opened();
  desk = subscribed("job-1");
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  gateway = new Gateway();
  url = await gateway.start();
  await import("../src/nudge");
});

afterEach(() => {
  // What waits to be sent may still try: the globals stay for it.
  gateway.stop();
  vi.restoreAllMocks();
});

const init = () => nudge.init({ gateway: url, key: "page-key" });

/** No more can be written. */
const full = () =>
  vi.spyOn(IDBFactory.prototype, "open").mockImplementation(() => {
    throw new DOMException("", "QuotaExceededError");
  });

test("a page whose browser keeps nothing goes on as one without Nudge", async () => {
  vi.stubGlobal("indexedDB", {
    open: () => { throw new DOMException("", "SecurityError"); },
  }); // prettier-ignore
  await init();
  await nudge.add_to_cart({ product_id: "tea", price: 1, currency: "PLN" });
  await nudge.login(token);
  await nudge.flush();
  expect(await nudge.visitor()).toBeUndefined();
  expect(await nudge.reach()).toBe("unsupported");
  expect(await nudge.subscribe()).toBe("unsupported");
  await nudge.logout();
  await expect(nudge.track("search", { query: 1n })).rejects.toThrow(TypeError);
});

test("a database that could not be opened is opened the next time", async () => {
  const { get, put } = await import("../src/store");
  const blocked = full();
  await expect(get("declined")).rejects.toThrow();
  blocked.mockRestore();
  await put("declined", 1);
  expect(await get("declined")).toBe(1);
});

test("a database that the browser has closed is opened anew", async () => {
  const { get, put } = await import("../src/store");
  const open = vi.spyOn(IDBFactory.prototype, "open");
  await put("declined", 1);
  const { result } = open.mock.results[0]!.value as IDBOpenDBRequest;
  result.close();
  result.onclose!(new Event("close"));
  expect(await get("declined")).toBe(1);
});

test("a logout that cannot be written down takes down what is shown, and unsubscribes", async () => {
  await init();
  await nudge.login(token);
  vi.spyOn(IDBObjectStore.prototype, "add").mockImplementation(() => {
    throw new DOMException("", "QuotaExceededError");
  });
  await nudge.logout();
  const { get } = await import("../src/store");
  expect(await get("identity")).toBeUndefined();
  expect(desk).toMatchObject({ closed: ["job-1"], unsubscribed: 1 });
});

test("a logout for which nothing can be read does so, too", async () => {
  await init();
  await nudge.login(token);
  vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(() => {
    throw new DOMException("", "InvalidStateError");
  });
  await nudge.logout();
  expect(desk).toMatchObject({ closed: ["job-1"], unsubscribed: 1 });
});
