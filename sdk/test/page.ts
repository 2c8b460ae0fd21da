/** A page in front, as far as the SDK looks at it. */

import { vi } from "vitest";

export interface Page extends EventTarget {
  visibilityState: string;
}

const turns = new Map<string, Promise<unknown>>();
/** Web Locks, as far as one page needs them. */
const request = (name: string, work: () => Promise<unknown>) => {
  const turn = (turns.get(name) ?? Promise.resolve()).then(work, work);
  turns.set(name, turn);
  return turn;
};

/** Opens one, with nothing stored yet and the SDK not loaded. */
export const opened = async (location: object = {}): Promise<Page> => {
  const { IDBFactory } = await import("fake-indexeddb");
  const target = new EventTarget();
  const page = Object.assign(new EventTarget(), {
    visibilityState: "visible", documentElement: { lang: "" }, title: "",
  }); // prettier-ignore
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("navigator", { language: "pl-PL", locks: { request } });
  vi.stubGlobal("document", page);
  vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
  vi.stubGlobal("dispatchEvent", target.dispatchEvent.bind(target));
  vi.stubGlobal("location", { href: "https://shop.example/", ...location });
  vi.stubGlobal("nudge", {});
  vi.resetModules();
  return page;
};

/** A browser's subscription and what it shows, as far as a test looks at them. */
export interface Desk {
  unsubscribed: number;
  closed: string[];
  /** Whether there is a subscription, or can be: `false`, its push service is away. */
  subscription: boolean | undefined;
}

/** The page's person has said yes, and their browser shows the notifications of these jobs. */
export const subscribed = (...shown: string[]): Desk => {
  const desk: Desk = { unsubscribed: 0, closed: [], subscription: true };
  const json = { endpoint: "https://fcm.googleapis.com/x", keys: { p256dh: "p", auth: "a" } };
  const subscription = {
    options: {}, toJSON: () => json, unsubscribe: async () => !!++desk.unsubscribed,
  }; // prettier-ignore
  const subscribe = async () => {
    if (desk.subscription === false) throw new DOMException("no push service", "AbortError");
    desk.subscription = true;
    return subscription;
  };
  const registration = {
    active: {},
    pushManager: {
      getSubscription: async () => (desk.subscription ? subscription : null), subscribe,
    },
    getNotifications: async () =>
      shown.map((job_id) => ({ data: { job_id }, close: () => desk.closed.push(job_id) })),
  };
  const serviceWorker = {
    register: async () => registration,
    getRegistration: async () => registration,
  };
  Object.assign(navigator, { serviceWorker });
  vi.stubGlobal("window", { PushManager: {}, Notification: {} });
  vi.stubGlobal("Notification", {
    permission: "granted", requestPermission: async () => "granted",
  }); // prettier-ignore
  return desk;
};

/** The page comes to the front, or goes. */
export const turn = (page: Page, visibilityState: string) => {
  page.visibilityState = visibilityState;
  page.dispatchEvent(new Event("visibilitychange"));
};
