import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

/** The worker's browser, as far as a test looks at it. */
let shown: string[];
let opened: string[];
let focused: string[];
let tabs: string[];
const listeners = new Map<string, (event: object) => void>();

beforeEach(async () => {
  const { IDBFactory } = await import("fake-indexeddb");
  [shown, opened, focused, tabs] = [[], [], [], []];
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("navigator", { language: "pl-PL" });
  vi.stubGlobal("self", {
    addEventListener: (type: string, listener: () => void) => listeners.set(type, listener),
    location: { hostname: "shop.example" },
    registration: {
      scope: "https://shop.example/",
      pushManager: { getSubscription: async () => ({ toJSON: () => ({}) }) },
      getNotifications: async () => [],
      showNotification: async (title: string) => void shown.push(title),
    },
    clients: {
      matchAll: async () => tabs.map((url) => ({ url, focus: async () => focused.push(url) })),
      openWindow: async (url: string) => opened.push(url),
    },
  });
  vi.resetModules();
  await import("../src/worker");
});

afterEach(() => vi.unstubAllGlobals());

/** Tells the worker of it, and waits for all that it asked to be waited for. */
const happens = async (type: string, event: object) => {
  const works: Promise<unknown>[] = [];
  const waitUntil = (work: Promise<unknown>) => works.push(work);
  listeners.get(type)!({ ...event, waitUntil });
  await Promise.all(works);
};

/** A click on a notification with these data; answers whether that closed it. */
const click = async (data: object | null, action = "") => {
  let closed = false;
  const close = () => (closed = true);
  await happens("notificationclick", { notification: { data, close }, action });
  return closed;
};

const clicked = (url: string) => click({ job_id: "job-1", url });

test.each(["", "null", "5", '"text"', "[]", "{}", '{"title":5}'])(
  "a push of '%s' is no message, and still shows something",
  async (pushed) => {
    await happens("push", { data: { json: () => JSON.parse(pushed) } });
    expect(shown).toEqual(["shop.example"]);
  },
);

test("a message is shown by its title", async () => {
  await happens("push", { data: { json: () => ({ title: "Vase", body: "…", tag: "vase" }) } });
  expect(shown).toEqual(["Vase"]);
});

test("a push is shown though nothing can be written down", async () => {
  vi.stubGlobal("indexedDB", { open: () => { throw new Error("no room"); } }); // prettier-ignore
  const pushed = { title: "Vase", tag: "vase", job_id: "job-1", token: "t" };
  await happens("push", { data: { json: () => pushed } });
  expect(shown).toEqual(["Vase"]);
  expect(await clicked("https://shop.example/cart")).toBe(true);
  expect(opened).toEqual(["https://shop.example/cart"]);
});

test("a push is shown though the database does not answer", async () => {
  vi.stubGlobal("indexedDB", { open: () => ({}) });
  void happens("push", { data: { json: () => ({ title: "Vase", tag: "vase" }) } });
  await vi.waitFor(() => expect(shown).toEqual(["Vase"]));
});

test("a button without a link only tells", async () => {
  const actions = [
    { action: "answer/good", title: "Good" }, { action: "later", title: "Later", url: "/later" },
  ]; // prettier-ignore
  const data = { job_id: "job-1", url: "/cart", actions };
  await click(data, "answer/good");
  expect(opened).toEqual([]);
  await click(data, "later");
  expect(opened).toEqual(["https://shop.example/later"]);
});

test("a click on what the shop's own worker shows is left to it", async () => {
  expect([await click(null), await click({ order: 17 })]).toEqual([false, false]);
  expect(await click({ job_id: "" })).toBe(true);
  expect(opened).toEqual([]);
});

test("a shop whose pages are told apart by the hash opens the one that is meant", async () => {
  tabs = ["https://shop.example/#/home", "https://shop.example/#!/orders/17"];
  await clicked("https://shop.example/#/orders/17");
  expect([focused, opened]).toEqual([[], ["https://shop.example/#/orders/17"]]);
  await clicked("https://shop.example/?utm_source=nudge#!/orders/17");
  expect(focused).toEqual(["https://shop.example/#!/orders/17"]);
});

test("a place within a page is the same page", async () => {
  tabs = ["https://shop.example/cart#items"];
  await clicked("https://shop.example/cart");
  expect([focused, opened]).toEqual([["https://shop.example/cart#items"], []]);
});
