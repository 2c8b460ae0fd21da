/** The way to the gateway, the same from a page and from the service worker. */

import { alone, get, put, type Device, type Identity, type Visitor } from "./store";

/** What the gateway said. `status` 0: nothing came back, try again. */
export interface Answer {
  status: number;
  // What a body holds depends on the route.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}

/** Locks are held meanwhile: other tabs wait for as long. A slow network has time for a batch. */
const LONGEST_MS = 30_000;
/** Browsers refuse to keep more alive (Fetch standard: 64 KiB over all requests of a page). */
const KEPT_ALIVE_BYTES = 60_000;

/** How long a text is in UTF-8. */
export const bytes = (text: string): number => new TextEncoder().encode(text).length;

/** What is no JSON says nothing; an answer that broke off has not come. */
const nothing = (error: Error) => {
  if (error.name !== "SyntaxError") throw error;
  return {};
};

export const ask = async (
  path: string,
  body?: object,
  init: RequestInit = {},
): Promise<Answer> => {
  const config = await get("config");
  if (!config) return { status: 0, body: {} };
  const text = body && JSON.stringify({ key: config.key, ...body });
  try {
    const response = await fetch(config.gateway + path, {
      // text/plain: a simple request, so that the browser does not ask first.
      ...(text && { method: "POST", body: text }),
      keepalive: !text || bytes(text) <= KEPT_ALIVE_BYTES,
      credentials: "omit",
      // Safari before 16 has none.
      signal: AbortSignal.timeout?.(LONGEST_MS) ?? null,
      ...init,
    });
    return { status: response.status, body: await response.json().catch(nothing) };
  } catch {
    return { status: 0, body: {} };
  }
};

/** Worth another try: no answer, too slow, too early, too many, or a fault on the other side. */
export const passing = (status: number): boolean =>
  !status || [408, 425, 429].includes(status) || status >= 500;

export const fresh = (identity?: Identity): identity is Identity =>
  !!identity && !identity.refused && identity.exp * 1000 > Date.now() + 5000;

/** This browser's own id; asked for once, and again where the gateway does not take the `refused`. */
export const visitor = (refused?: Visitor): Promise<Visitor | undefined> =>
  alone("visitor", async () => {
    const known = await get("visitor");
    if (known && known.visitor !== refused?.visitor) return known;
    const { status, body } = await ask("/v1/visitors", {});
    if (status !== 201) return undefined;
    await put("visitor", body);
    return body as Visitor;
  });

/** The id that the gateway gives a subscription: a hash of what makes it. */
export const idOf = async (json: PushSubscriptionJSON): Promise<string> => {
  const text = [json.endpoint, json.keys?.p256dh, json.keys?.auth].join("\0");
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(hash)]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("")
    .slice(0, 32);
};

export const text = (key: ArrayBuffer | null | undefined): string =>
  key
    ? btoa(String.fromCharCode(...new Uint8Array(key)))
        .replace(/\+/g, "-")
        .replace(/\//g, "_")
        .replace(/=+$/, "")
    : "";

/**
 * Subscribes with the current key, or keeps the subscription that has it, and tells the gateway.
 *
 * A subscription under an older key is renewed. Answers whether the gateway has it now.
 */
export const bind = (registration: ServiceWorkerRegistration): Promise<boolean> =>
  alone("bind", async () => {
    const identity = await get("identity");
    // Told as the visitor, it would be taken from the user: the page brings a fresh token soon.
    if (identity && !fresh(identity)) return false;
    const key = await ask("/v1/keys/current");
    if (key.status !== 200) return false;
    const { key_id, public_key } = key.body;
    const before = await get("device");
    let subscription = await registration.pushManager.getSubscription();
    let replaces = before?.json;
    if (subscription && text(subscription.options.applicationServerKey) !== public_key) {
      replaces = subscription.toJSON();
      await subscription.unsubscribe();
      subscription = null;
    }
    subscription ??= await registration.pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: public_key,
    });
    const json = subscription.toJSON();
    const device: Device = { id: await idOf(json), key_id, json };
    const who = await visitor();
    const config = await get("config");
    const { status } = await ask("/v1/subscriptions", {
      visitor: who?.visitor,
      identity: identity?.token,
      subscription: json,
      key_id,
      ...(replaces && (await idOf(replaces)) !== device.id && { replaces }),
      locale: config?.locale,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    });
    if (status === 200) await put("device", device);
    return status === 200;
  });

/** Who we are, as headers; `undefined` where nobody has named this browser yet. */
export const credentials = async (): Promise<Record<string, string> | undefined> => {
  const [who, identity, config] = await Promise.all([visitor(), get("identity"), get("config")]);
  if (!who || !config) return undefined;
  return {
    Authorization: `Bearer ${config.key}`,
    "X-Nudge-Visitor": who.visitor,
    ...(identity && { "X-Nudge-Identity": identity.token }),
  };
};

/** Ends at the gateway what it knows of this browser. */
export const unbind = async (): Promise<void> => {
  const device = await get("device");
  const headers = device && (await credentials());
  if (!headers) return;
  const init = { method: "DELETE", headers };
  const { status } = await ask(`/v1/subscriptions/${device.id}`, undefined, init);
  if (!passing(status)) await put("device", undefined);
};
