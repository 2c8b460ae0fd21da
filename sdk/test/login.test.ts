import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Gateway } from "./gateway";
import { opened, subscribed, type Desk } from "./page";

const HOUR_S = 3600;
let gateway: Gateway;
let desk: Desk;
let store: typeof import("../src/store");

const part = (claims: object) => Buffer.from(JSON.stringify(claims)).toString("base64url");
/** As the shop's server signs it, by its own clock. */
const token = (sub: string, iat = Date.now() / 1000) =>
  `${part({ alg: "HS256" })}.${part({ sub, iat, exp: iat + HOUR_S, aud: "nudge" })}.signed`;

beforeEach(async () => {
  await opened();
  desk = subscribed("job-1");
  gateway = new Gateway();
  store = await import("../src/store");
  await import("../src/nudge");
  const url = await gateway.start();
  await nudge.init({ gateway: url, key: "page-key", automatic: false, inbox: false });
});

afterEach(() => {
  // What waits to be sent may still try: the globals stay for it.
  gateway.stop();
  vi.restoreAllMocks();
});

const told = () =>
  gateway.asked
    .filter((each) => each.path === "/v1/events")
    .map(({ body }) => body.events.map((event: any) => [event.type, event.user_id, body.identity])); // eslint-disable-line @typescript-eslint/no-explicit-any

test("a logout is done at once, however long the gateway takes to say nothing", async () => {
  await nudge.login(token("ada"));
  gateway.hangs = true;
  // Asked before, it keeps the logout from being sent.
  await nudge.search({ query: "tea" });
  void nudge.flush();
  const done = nudge.logout();
  await vi.waitFor(() => expect(desk.closed).toEqual(["job-1"]));
  expect(await store.get("identity")).toBeUndefined();
  await done;
  expect(desk.unsubscribed).toBe(1);
}, 10_000);

test("a logout that could not be told waits with its proof, whoever is there by then", async () => {
  const [ada, bob] = [token("ada"), token("bob")];
  await nudge.login(ada);
  gateway.answers = Array(4).fill({ status: 503 });
  for (let i = 0; i < 60; i++) await nudge.search({ query: `${i}` });
  await nudge.logout();
  expect(desk.unsubscribed).toBe(1);
  gateway.asked = [];
  gateway.answers = [];
  await nudge.login(bob);
  await nudge.flush();
  expect(told().flat()).toEqual([
    ...Array(60).fill(["search", "ada", ada]),
    ["logout", "ada", ada],
    ["login", "bob", bob],
  ]);
  expect(gateway.bound().at(-1)).toBe(bob);
});

test("a refused token makes nobody a visitor: the browser waits for the next login", async () => {
  const ada = token("ada", Date.now() / 1000 + 2);
  gateway.refuses = "unauthorized";
  await nudge.login(ada);
  await nudge.search({ query: "tea" });
  await nudge.flush();
  expect(told().slice(1)).toEqual([[["search", undefined, undefined]]]);
  expect((await store.get("identity"))?.user).toBe("ada");
  expect(gateway.bound().slice(1)).toEqual([]);

  gateway.refuses = undefined;
  await nudge.login(ada);
  expect(told().at(-1)).toEqual([["login", "ada", ada]]);
  expect(gateway.bound().slice(1)).toEqual([ada]);

  await nudge.logout();
  expect(gateway.bound().at(-1)).toBeUndefined();
});

test("who logs out after their token was refused is the visitor again", async () => {
  gateway.refuses = "unauthorized";
  await nudge.login(token("ada"));
  await nudge.logout();
  expect(await store.get("identity")).toBeUndefined();
  expect(gateway.bound()).toEqual([undefined, undefined]);
  expect(await store.peek("events", 9)).toEqual([]);
});

test("a shopper whose clock is hours ahead is logged in, and bound", async () => {
  const ada = token("ada", Date.now() / 1000 - 2 * HOUR_S);
  await nudge.login(ada);
  await nudge.add_to_cart({ product_id: "tea", price: 1, currency: "PLN" });
  await nudge.flush();
  expect(told().flat()).toEqual([["login", "ada", ada], ["add_to_cart", "ada", ada]]);
  expect(gateway.bound().at(-1)).toBe(ada);
});

test("a token that the gateway says has expired names nobody, and still logs out", async () => {
  const ada = token("ada");
  await nudge.login(ada);
  gateway.refuses = "expired";
  gateway.asked = [];
  await nudge.search({ query: "tea" });
  await nudge.logout();
  expect(told().at(-1)).toEqual([["search", undefined, ada], ["logout", "ada", ada]]);
  // The next page has the same token from the shop's cache: it is not tried again.
  await nudge.login(ada);
  await nudge.search({ query: "pot" });
  await nudge.flush();
  gateway.asked = [];
  await nudge.login(ada);
  await nudge.search({ query: "cup" });
  await nudge.flush();
  expect(told()).toEqual([[["search", undefined, ada]]]);
});

test("no request is waited for without end", async () => {
  await nudge.search({ query: "tea" });
  gateway.hangs = true;
  const given: number[] = [];
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    given.push(ms);
    return AbortSignal.abort();
  });
  await nudge.flush();
  expect(await store.peek("events", 9)).toHaveLength(1);
  expect(Math.max(...given)).toBeLessThanOrEqual(30_000);
});
