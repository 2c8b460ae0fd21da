/** `nudge-sw.js`: the service worker. Shows what is pushed and tells what became of it. */

import { bind, idOf } from "./gateway";
import { sendReports } from "./reports";
import { alone, get, push, put, unable } from "./store";

interface Action {
  action: string;
  title: string;
  url?: string;
}
interface Payload {
  title: string;
  body: string;
  url: string;
  icon?: string;
  image?: string;
  tag: string;
  actions?: Action[];
  locale?: string;
  scenario: string;
  job_id: string;
  token: string;
  subscription_id?: string;
}
// The parts of a service worker that TypeScript's DOM types lack.
interface Waiting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Pushed extends Waiting {
  data: { json(): Payload } | null;
}
interface OnNotification extends Waiting {
  notification: Notification;
  action?: string;
}
interface Renewed extends Waiting {
  oldSubscription?: PushSubscription | null;
}
interface Tab {
  url: string;
  focus(): Promise<unknown>;
}
interface Worker {
  registration: ServiceWorkerRegistration & {
    sync?: { register(tag: string): Promise<void> };
  };
  clients: {
    matchAll(options: object): Promise<Tab[]>;
    openWindow(url: string): Promise<unknown>;
    claim(): Promise<void>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: string, listener: (event: never) => void): void;
  location: Location;
}
const worker = self as unknown as Worker;

const SYNC = "nudge-reports";
const TRIES_MS = [0, 1000, 4000];
const MOST_ENDED = 100;

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

const report = async (
  type: "displayed" | "clicked" | "dismissed",
  payload: Payload,
  action?: string,
) => {
  const { job_id, scenario, token, subscription_id } = payload;
  if (!job_id || !token || !subscription_id) return;
  const told = {
    type, job_id, scenario, token, subscription_id, occurred_at: Date.now(),
    ...(action && { action }),
  }; // prettier-ignore
  if (!(await push("reports", told).catch(unable))) return;
  for (const ms of TRIES_MS) {
    await sleep(ms);
    if (await sendReports()) return;
  }
  // When the network is back; browsers without background sync try at the next push or visit.
  await worker.registration.sync?.register(SYNC).catch(() => undefined);
};

// At once, for events that follow on each other's heels; the database, for a worker that was
// stopped in between.
const over = new Set<string>();

/** Marks notifications whose close event will not mean that a person dismissed them. */
const end = (...jobs: (string | undefined)[]) => {
  const ended = jobs.filter((job): job is string => !!job);
  ended.forEach((job) => over.add(job));
  return alone("ended", async () => {
    const known = (await get("ended")) ?? [];
    await put("ended", [...known, ...ended].slice(-MOST_ENDED));
  }).catch(unable);
};

/** What was pushed; `undefined` where it is no message. */
const read = (data: Pushed["data"]): Payload | undefined => {
  try {
    const payload: Payload | null = data!.json();
    return payload && typeof payload.title === "string" ? payload : undefined;
  } catch {
    return undefined;
  }
};

const show = async (data: Pushed["data"]) => {
  const payload = read(data);
  if (!payload) {
    // A push must show something: browsers take the permission away from who shows nothing.
    await worker.registration.showNotification(worker.location.hostname, { data: { job_id: "" } });
    return;
  }
  const subscription = await worker.registration.pushManager.getSubscription();
  if (subscription) payload.subscription_id = await idOf(subscription.toJSON());
  const { title, body, icon, image, tag, actions, locale } = payload;
  // Firefox says "closed" of what a newer one with the same tag takes the place of.
  const older = await worker.registration.getNotifications({ tag });
  const ended = end(...older.map((notification) => notification.data?.job_id));
  // First of all: where nothing can be written down, a push is still shown.
  await worker.registration.showNotification(title, {
    body,
    tag,
    data: payload,
    ...(icon && { icon }),
    ...(image && { image }),
    ...(locale && { lang: locale }),
    ...(actions && { actions: actions.map(({ action, title }) => ({ action, title })) }),
  } as NotificationOptions);
  await ended;
  await report("displayed", payload);
};

/** The page behind a link, whatever campaign it was reached by, and whichever part is looked at. */
const bare = (text: string) => {
  const url = new URL(text);
  // `#/orders/17` and `#!/orders/17` are pages of their own.
  if (!/^#[/!]/.test(url.hash)) url.hash = "";
  for (const name of [...url.searchParams.keys()]) {
    if (name.startsWith("utm_")) url.searchParams.delete(name);
  }
  return url.href;
};

/** The tab that shows it already, else a new one: nobody's half-done order is navigated away. */
const visit = async (wanted: string) => {
  const url = new URL(wanted, worker.registration.scope);
  if (!/^https?:$/.test(url.protocol)) return;
  const tabs = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const found = tabs.find((tab) => bare(tab.url) === bare(url.href));
  await (found ? found.focus() : worker.clients.openWindow(url.href));
};

const clicked = async (notification: Notification, action?: string) => {
  const payload = notification.data as Payload | null;
  // The shop's own, where its worker shows some.
  if (payload?.job_id === undefined) return;
  // Firefox says "closed" after a click, too.
  const ended = end(payload.job_id);
  notification.close();
  if (!payload.job_id) return;
  const chosen = payload.actions?.find((each) => each.action === action);
  // A button without a link only tells.
  const { url } = chosen ?? payload;
  const visited = url && visit(url).catch(() => undefined);
  await ended;
  await report("clicked", payload, action);
  await visited;
};

const closed = async (payload: Payload | null) => {
  if (!payload?.job_id || over.has(payload.job_id)) return;
  if (((await get("ended")) ?? []).includes(payload.job_id)) return;
  await end(payload.job_id);
  await report("dismissed", payload);
};

worker.addEventListener("install", (event: Waiting) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener("activate", (event: Waiting) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("push", (event: Pushed) => event.waitUntil(show(event.data)));
worker.addEventListener("notificationclick", (event: OnNotification) =>
  event.waitUntil(clicked(event.notification, event.action)),
);
worker.addEventListener("notificationclose", (event: OnNotification) =>
  event.waitUntil(closed(event.notification.data)),
);
worker.addEventListener("pushsubscriptionchange", (event: Renewed) =>
  event.waitUntil(bind(worker.registration)),
);
worker.addEventListener("sync", (event: Waiting & { tag: string }) => {
  if (event.tag === SYNC) event.waitUntil(sendReports());
});
