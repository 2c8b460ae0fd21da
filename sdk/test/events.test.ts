import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Gateway } from "./gateway";

const HOUR_S = 3600;
let gateway: Gateway;
let events: typeof import("../src/events");
let store: typeof import("../src/store");
let reports: typeof import("../src/reports");

beforeEach(async () => {
  const { IDBFactory } = await import("fake-indexeddb");
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("navigator", { language: "pl-PL" });
  vi.stubGlobal("document", { documentElement: { lang: "" } });
  vi.resetModules();
  store = await import("../src/store");
  events = await import("../src/events");
  reports = await import("../src/reports");
  gateway = new Gateway();
  await store.put("config", { gateway: await gateway.start(), key: "page-key", locale: "pl" });
});

afterEach(() => {
  gateway.stop();
  vi.unstubAllGlobals();
});

const loggedIn = (user: string, exp = Date.now() / 1000 + HOUR_S) =>
  store.put("identity", { token: `${user}.jwt`, user, exp, at: Date.now() });

test("what happened is sent in its order, once, with the visitor's proof", async () => {
  await events.remember("view_item", { product_id: "tea" });
  await events.remember("search", { query: "pot" });
  expect(await events.flush()).toBe(true);
  expect(await events.flush()).toBe(true);
  const [batch] = gateway.batches();
  expect(gateway.batches()).toHaveLength(1);
  expect(batch!.map((event) => event.type)).toEqual(["view_item", "search"]);
  for (const event of batch!) expect(event).toMatchObject({ anonymous_id: "a-1", locale: "pl" });
  expect(new Set(batch!.map((event) => event.event_id)).size).toBe(2);
  const asked = gateway.asked.find((each) => each.path === "/v1/events")!;
  expect(asked.body).toMatchObject({ key: "page-key", visitor: "a-1.mac" });
  expect(Math.abs(asked.body.sent_at - Date.now())).toBeLessThan(10_000);
});

test("while the gateway is away everything waits, and the same events go again", async () => {
  await events.remember("view_item", { product_id: "tea" });
  for (const status of [503, 429, 500]) {
    gateway.answers = [{ status }];
    expect(await events.flush()).toBe(false);
  }
  expect(await events.flush()).toBe(true);
  const ids = gateway.batches().map((batch) => batch[0].event_id);
  expect(ids).toHaveLength(4);
  expect(new Set(ids).size).toBe(1);
});

test("an event that nobody will take does not hold up the others", async () => {
  for (const product_id of ["tea", "", "pot"]) await events.remember("view_item", { product_id });
  gateway.answers = [{ status: 400, body: { code: "invalid", field: "events.1.product_id" } }];
  expect(await events.flush()).toBe(true);
  expect(gateway.batches()[1]!.map((event) => event.product_id)).toEqual(["tea", "pot"]);
});

test("a request is never larger than the gateway and the browser take", async () => {
  const drinks = "ż".repeat(5000);
  for (let i = 0; i < 12; i++) await events.remember("profile_update", { traits: { i, drinks } });
  expect(await events.flush()).toBe(true);
  const sent = gateway.batches().flat().map((event) => event.traits.i);
  expect(sent).toEqual([...Array(12).keys()]);
});

test("one that is too large by itself is sent alone, and left out when it is refused", async () => {
  await events.remember("search", { query: "tea" });
  await events.remember("search", { query: "u".repeat(70_000) });
  await events.remember("search", { query: "pot" });
  expect(await events.flush()).toBe(true);
  const queries = gateway.batches().map((batch) => batch.map((event) => event.query.slice(0, 3)));
  expect(queries.slice(0, 2)).toEqual([["tea"], ["uuu"]]);
  expect(queries.at(-1)).toEqual(["pot"]);
});

test("where nobody says which one it is, it is found and all others are taken", async () => {
  for (let i = 0; i < 120; i++) await events.remember("search", { query: `${i}` });
  const bad = ["0", "37", "38", "119"];
  gateway.unreadable = (event) => bad.includes(event.query);
  expect(await events.flush()).toBe(true);
  const good = gateway.batches().filter((batch) => !batch.some(gateway.unreadable)).flat();
  const all = [...Array(120).keys()].map(String);
  expect(good.map((event) => event.query)).toEqual(all.filter((query) => !bad.includes(query)));
  expect(gateway.batches().length).toBeLessThan(60);
});

test("what is refused whoever tells it is no event's fault, and waits", async () => {
  await events.remember("search", { query: "tea" });
  for (const status of [403, 404, 408]) {
    gateway.answers = [{ status }];
    expect(await events.flush()).toBe(false);
  }
  expect(await store.peek("events", 9)).toHaveLength(1);
});

test("a text that was cut within a character is sent without the half", async () => {
  await events.remember("search", { query: "tea 🍵".slice(0, 5) });
  await events.remember("profile_update", { traits: { drinks: ["🍵", "🍵".slice(1)] } });
  expect(await events.flush()).toBe(true);
  const [search, profile] = gateway.batches()[0]!;
  expect(search.query).toBe("tea \ufffd");
  expect(profile.traits.drinks).toEqual(["🍵", "\ufffd"]);
});

test("what has no form in JSON is refused where it is told, and holds up nothing", async () => {
  await expect(events.remember("add_to_cart", { price: 10n })).rejects.toThrow(TypeError);
  await events.remember("search", { query: "tea" });
  expect(await events.flush()).toBe(true);
  expect(gateway.batches().flat().map((event) => event.type)).toEqual(["search"]);
});

test("a user is named only while a token proves it", async () => {
  await loggedIn("ada");
  await events.remember("view_item", { product_id: "tea" });
  await loggedIn("ada", Date.now() / 1000 - 10);
  await events.remember("logout", { user_id: "ada" });
  await events.flush();
  const [view, logout] = gateway.batches()[0]!;
  expect(view.user_id).toBeUndefined();
  expect(view.anonymous_id).toBe("a-1");
  expect(logout.user_id).toBe("ada");
});

test("what the last one did is never told of the next one at the same computer", async () => {
  await loggedIn("ada");
  await events.remember("view_item", { product_id: "tea" });
  await loggedIn("bob");
  await events.flush();
  expect(gateway.batches()[0]![0].user_id).toBeUndefined();
});

test("after the gateway's secrets were changed the browser gets another id", async () => {
  await loggedIn("ada");
  await events.remember("view_item", { product_id: "tea" });
  gateway.answers = [{ status: 401 }, { status: 401 }];
  expect(await events.flush()).toBe(true);
  expect(gateway.asked.filter((each) => each.path === "/v1/visitors")).toHaveLength(2);
  expect(gateway.batches().map(([event]) => event.user_id)).toEqual(["ada", undefined, undefined]);
});

test("a gateway that does not know the write key for a moment takes nobody's id or login", async () => {
  await loggedIn("ada");
  const visitor = { anonymous_id: "a-0", visitor: "a-0.mac" };
  await store.put("visitor", visitor);
  await events.remember("view_item", { product_id: "tea" });
  gateway.answers = [{ status: 401, body: { code: "unknown_key" } }];
  expect(await events.flush()).toBe(false);
  expect(await events.flush()).toBe(true);
  expect(gateway.batches().map(([event]) => event.user_id)).toEqual(["ada", "ada"]);
  expect(await store.get("visitor")).toEqual(visitor);
});

test("a visitor whose proof is refused stays, until the gateway gives another", async () => {
  const visitor = { anonymous_id: "a-0", visitor: "a-0.mac" };
  await store.put("visitor", visitor);
  await events.remember("view_item", { product_id: "tea" });
  gateway.answers = [{ status: 401 }];
  gateway.names = false;
  expect(await events.flush()).toBe(false);
  expect(await store.get("visitor")).toEqual(visitor);
});

test("a sign-up says who it is, or nothing", async () => {
  await events.remember("sign_up", { user_id: "ada" });
  expect(await events.flush()).toBe(true);
  expect(gateway.batches()).toEqual([]);
  await loggedIn("ada");
  await events.remember("sign_up", {});
  expect(await events.flush()).toBe(true);
  expect(gateway.batches().flat()).toMatchObject([{ type: "sign_up", user_id: "ada" }]);
});

test("a page with a wrong key keeps what it has and does not ask for ever", async () => {
  await events.remember("view_item", { product_id: "tea" });
  gateway.answers = Array(9).fill({ status: 401 });
  expect(await events.flush()).toBe(false);
  expect(gateway.batches()).toHaveLength(3);
  expect(await store.peek("events", 9)).toHaveLength(1);
});

test("no more go at once than the core knows again, were they to be sent twice", async () => {
  for (let i = 0; i < 20; i++) await events.remember("search", { query: `${i}` });
  expect(await events.flush()).toBe(true);
  const sent = gateway.batches();
  expect(sent.map((batch) => batch.length)).toEqual([8, 8, 4]);
  expect(sent.flat().map((event) => event.query)).toEqual([...Array(20).keys()].map(String));
});

test("a browser that is offline for weeks keeps its newest thousand", async () => {
  for (let i = 0; i < 1010; i++) await events.remember("search", { query: `${i}` });
  const kept = await store.peek<{ query: string }>("events", 2000);
  expect(kept).toHaveLength(1000);
  expect(kept[0]![1].query).toBe("10");
});

test("a report is sent until it is answered, and given up where it was refused for good", async () => {
  await store.push("reports", { type: "displayed", job_id: "1" });
  await store.push("reports", { type: "clicked", job_id: "1" });
  gateway.answers = [{ status: 503 }];
  expect(await reports.sendReports()).toBe(false);
  gateway.answers = [{ status: 403 }];
  expect(await reports.sendReports()).toBe(true);
  expect(gateway.asked.map((each) => each.body.type)).toEqual([
    "displayed",
    "displayed",
    "clicked",
  ]);
});
