/** Whether this browser can be pushed to: by its own push service, or by one that stands in. */

import { ask, bind, idOf, visitor } from "../src/gateway";
import { sendReports } from "../src/reports";
import { alone, get, push, put } from "../src/store";
import { askShop } from "./shelves";

const PATIENCE_MS = 8000;
const MOST_SEEN = 100;

export type Way = "none" | "own" | "stand-in";

interface StandIn {
  endpoint: string;
  keys: { p256dh: string; auth: string };
  key_id: string;
}
export interface Payload {
  title: string;
  body: string;
  url: string;
  tag: string;
  scenario: string;
  job_id: string;
  token: string;
  subscription_id?: string;
}

const standIn = (): StandIn | undefined =>
  JSON.parse(localStorage.getItem("stand-in") ?? "null") ?? undefined;

/** Claims the stand-in for whoever is here, as the SDK does with a browser's own. */
export const claim = async (): Promise<boolean> => {
  const found = standIn();
  if (!found) return false;
  const [who, identity] = await Promise.all([visitor(), get("identity")]);
  const { endpoint, keys, key_id } = found;
  const { status } = await ask("/v1/subscriptions", {
    visitor: who?.visitor,
    identity: identity?.token,
    subscription: { endpoint, keys },
    key_id,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  });
  return status === 200;
};

export const way = async (): Promise<Way> => {
  if ((await nudge.reach()) === "subscribed") return "own";
  return standIn() ? "stand-in" : "none";
};

const sleep = (ms: number) => new Promise((again) => setTimeout(again, ms));

/** Too long for a push service to answer; the person may take their time. */
const late = async () => {
  while (typeof Notification !== "undefined" && Notification.permission === "default") {
    await sleep(200);
  }
  await sleep(PATIENCE_MS);
};

/** Subscribes, from a click. Where the browser's own service cannot be reached, another stands in. */
export const subscribe = async (): Promise<Way> => {
  const reached = await Promise.race([nudge.subscribe(), late()]).catch(() => "failed");
  if (reached === "subscribed") return "own";
  // Else every page would try the browser's own again.
  await put("wanted", undefined);
  const found = await askShop<StandIn>("/demo/stand-in");
  localStorage.setItem("stand-in", JSON.stringify(found));
  return (await claim()) ? "stand-in" : "none";
};

/** Logged in or out: the browser is another's now. */
export const rebind = async (): Promise<void> => {
  if (await claim()) return;
  const found = await navigator.serviceWorker?.getRegistration();
  if (found && (await get("device"))) await bind(found).catch(() => false);
};

/** A message that the stand-in got, with the id that reports need. */
export const complete = async (payload: Payload): Promise<Payload> => {
  const found = standIn();
  return found ? { ...payload, subscription_id: await idOf(found) } : payload;
};

export const report = async (type: "displayed" | "clicked", payload: Payload): Promise<void> => {
  const { job_id, scenario, token, subscription_id } = payload;
  if (!subscription_id) return;
  await push("reports", { type, job_id, scenario, token, subscription_id, occurred_at: Date.now() });
  await sendReports();
};

/** Shows what the stand-in got as this browser's own notification, where that is allowed; once. */
export const show = (payload: Payload): Promise<void> =>
  alone("arrived", async () => {
    const seen: string[] = JSON.parse(localStorage.getItem("seen") ?? "[]");
    if (seen.includes(payload.job_id)) return;
    localStorage.setItem("seen", JSON.stringify([...seen, payload.job_id].slice(-MOST_SEEN)));
    if (typeof Notification !== "undefined" && Notification.permission === "granted") {
      const worker = await navigator.serviceWorker?.getRegistration();
      const { title, body, tag } = payload;
      await worker?.showNotification(title, { body, tag, data: payload }).catch(() => undefined);
    }
    await report("displayed", payload);
  });
