import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Gateway } from "./gateway";
import { opened, subscribed, type Desk } from "./page";

const WORDS = { title: "Shall we?", body: "Twice a day.", accept: "Yes", decline: "No" };
let gateway: Gateway;
let desk: Desk;
let url: string;

/** A page of the shop: the SDK is loaded anew, and what the browser keeps is there. */
const visit = async () => {
  vi.resetModules();
  await import("../src/nudge");
  await nudge.init({ gateway: url, key: "page-key", automatic: false });
};

beforeEach(async () => {
  await opened();
  desk = subscribed();
  desk.subscription = undefined;
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  gateway = new Gateway();
  url = await gateway.start();
  await visit();
});

afterEach(() => {
  // What waits to be sent may still try: the globals stay for it.
  gateway.stop();
  vi.doUnmock("../src/prompt");
  vi.restoreAllMocks();
});

const boundAtTheNextVisit = async () => {
  await visit();
  await vi.waitFor(() => expect(gateway.bound()).toHaveLength(1));
  await vi.waitFor(async () => expect(await nudge.reach()).toBe("subscribed"));
};

test("a yes while the gateway is away is heard at the next visit", async () => {
  gateway.away = true;
  expect(await nudge.subscribe()).toBe("askable");
  gateway.away = false;
  await boundAtTheNextVisit();
});

test("a yes that the push service does not hear is tried again at the next visit", async () => {
  desk.subscription = false;
  expect(await nudge.subscribe()).toBe("askable");
  desk.subscription = undefined;
  await boundAtTheNextVisit();
});

test("who has said yes is not asked again, and who took it back is left alone", async () => {
  const asked = vi.fn(async () => undefined);
  vi.doMock("../src/prompt", () => ({ ask: asked }));
  gateway.away = true;
  await nudge.subscribe();
  await visit();
  await nudge.prompt(WORDS);
  await nudge.unsubscribe();
  gateway.away = false;
  await visit();
  expect(await nudge.prompt(WORDS)).toBe("declined");
  expect(asked).not.toHaveBeenCalled();
  expect(gateway.bound()).toEqual([]);
  expect(await nudge.subscribe()).toBe("subscribed");
});

test("a question that stands there already is not put a second time", async () => {
  let decline = () => {};
  const asked = vi.fn(() => new Promise<undefined>((done) => (decline = () => done(undefined))));
  vi.doMock("../src/prompt", () => ({ ask: asked }));
  await visit();
  const answers = [nudge.prompt(WORDS), nudge.prompt(WORDS)];
  await vi.waitFor(() => expect(asked).toHaveBeenCalled());
  decline();
  expect(await Promise.all(answers)).toEqual(["declined", "declined"]);
  expect(asked).toHaveBeenCalledTimes(1);
});

test("a shop's other worker is not taken for ours, which is waited for", async () => {
  const found = await navigator.serviceWorker.getRegistration();
  const worker = Object.assign(new EventTarget(), { state: "installing" });
  Object.assign(found!, { active: null, installing: worker });
  Object.assign(navigator.serviceWorker, { ready: Promise.resolve({ pushManager: {} }) });
  const answer = nudge.subscribe();
  await new Promise((done) => setTimeout(done, 20));
  expect(gateway.bound()).toEqual([]);
  Object.assign(found!, { active: worker });
  worker.dispatchEvent(new Event("statechange"));
  expect(await answer).toBe("subscribed");
});

test("a shop's server can be told which browser a guest has", async () => {
  expect(await nudge.visitor()).toBe("a-1");
  gateway.stop();
  expect(await nudge.visitor()).toBe("a-1");
});
