/** `nudge.js`: what a shop's page loads. */

import { flush, remember } from "./events";
import { bind, fresh, unbind, visitor } from "./gateway";
import { ask } from "./prompt";
import type { Events, Nudge, Options, PromptText, Reach } from "./public";
import { alone, get, put, unable } from "./store";
import { registered, registration, supported } from "./registration";
import { sendReports } from "./reports";

const HELPERS: (keyof Events)[] = [
  "page_view", "engagement", "view_item", "view_item_list", "search", "add_to_cart",
  "remove_from_cart", "cart_snapshot", "add_to_wishlist", "remove_from_wishlist",
  "stock_alert_requested", "begin_checkout", "coupon_attempt", "purchase", "profile_update",
  "consent_change", "reminder_set", "reminder_cancelled", "topic_follow", "topic_unfollow",
  "survey_answer", "sign_up", "push_prompt",
]; // prettier-ignore
/** Of the contract; a title's are code points. */
const MOST_URL = 2048;
const MOST_TITLE = 256;
const DECLINED_MS = 30 * 86_400_000;
const LOGIN_AGAIN_MS = 86_400_000;
const ENGAGED_MS = 60_000;
const PRESSED_MS = 1000;
/** What is done on the way out of a page must have left by then. */
const GATHER_MS = 50;
const SLOWEST_MS = 60_000;
/** So long a logout waits for the gateway, before it unsubscribes the browser. */
const LOGOUT_MS = 5000;

let timer: ReturnType<typeof setTimeout> | undefined;
let wait = GATHER_MS;
let asking: Promise<Reach> | undefined;

/** Sends after a moment; after a failure later and later, until it works. */
const soon = () => {
  timer ??= setTimeout(async () => {
    timer = undefined;
    wait = (await flush()) ? GATHER_MS : Math.min(wait * 3, SLOWEST_MS);
    if (wait > GATHER_MS) soon();
  }, wait);
};

const track = async (type: string, fields: object = {}) => {
  await remember(type, fields);
  soon();
};

/**
 * Tells that the page is in front: at once where it can show messages, then every `every` ms; and
 * when it is so no more, since what would be shown there is to be pushed from then on.
 */
const engage = (every: number) => {
  let seen = 0;
  let shows = false;
  let pressed = 0;
  let since = document.visibilityState === "visible" ? Date.now() : 0;
  const tell = () =>
    alone("engaged", async () => {
      const now = Date.now();
      const onsite = !!globalThis.nudge.inbox?.live;
      const ms = seen + (since && now - since);
      if (!since || (!onsite && ms < every)) return;
      if (now - ((await get("engaged")) ?? 0) < every) return;
      seen = 0;
      since = now;
      shows = onsite;
      await put("engaged", now);
      await track("engagement", { ms: Math.min(ms, 3_600_000), ...(onsite && { onsite }) });
      // Where nothing is kept it would be said at every tick.
    }).catch(() => undefined);
  const leave = async () => {
    // A press just before is most likely a link: the shop's next page begins in a moment.
    if (shows && Date.now() - pressed > PRESSED_MS) {
      shows = false;
      const ms = Math.min(seen, 3_600_000);
      seen = 0;
      // Another tab of the shop may be in front now, and tells so at once.
      await Promise.all([put("engaged", undefined), remember("engagement", { ms })]);
    }
    await flush();
  };
  // Well within `every`: a tick that comes a moment too early must not cost a whole one.
  setInterval(tell, Math.min(every / 4, 5000));
  addEventListener("nudge:live", () => void tell());
  document.addEventListener("click", () => (pressed = Date.now()), true);
  document.addEventListener("visibilitychange", () => {
    const now = Date.now();
    if (since) seen += now - since;
    since = document.visibilityState === "visible" ? now : 0;
    if (!since) void leave().catch(unable);
  });
};

/** Somebody else is here now: what listens begins anew. */
const other = () => dispatchEvent(new Event("nudge:identity"));

/** Each visit: the subscription is said to be alive, made, renewed under a new key, or ended. */
const refresh = async () => {
  if (!supported()) return;
  const [device, wanted] = await Promise.all([get("device"), get("wanted")]);
  if (Notification.permission === "granted") {
    const found = await registration();
    if (device || (await found.pushManager.getSubscription())) await bind(found);
    // A push service that cannot be reached may take for ever to say so.
    else if (wanted) void bind(found).catch(unable);
  } else if (device || wanted) {
    await put("wanted", undefined);
    await unbind();
  }
};

const stand = async (): Promise<Reach> => {
  if (!supported()) return "unsupported";
  if (Notification.permission === "denied") return "blocked";
  if (Notification.permission === "granted" && (await get("device"))) return "subscribed";
  const declined = (await get("declined")) ?? 0;
  return Date.now() - declined < DECLINED_MS ? "declined" : "askable";
};

const reach = (): Promise<Reach> => stand().catch((error) => unable(error) || "unsupported");

const subscribe = async (name = "own"): Promise<Reach> => {
  if (!supported()) return "unsupported";
  const asked = Notification.permission === "default";
  // First of all: what comes after an await is no gesture to every browser.
  const answer = await Notification.requestPermission();
  if (asked) tell(name, answer === "default" ? "dismissed" : answer);
  if (answer === "granted") await become().catch(unable);
  return reach();
};

/** Remembered first: where the gateway or a fresh token is away, the next visit does it. */
const become = async () => {
  await put("wanted", true).catch(unable);
  await bind(await registration());
};

/** Our own question, where the browser may be asked. Who has said yes already is not asked again. */
const question = async (text: PromptText): Promise<Reach> => {
  const now = await reach();
  if (now !== "askable" || (await get("wanted"))) return now;
  const name = text.name ?? "prompt";
  tell(name, "shown");
  const answer = await ask(text, () => {
    tell(name, "accepted");
    return subscribe(name);
  });
  if (!answer) {
    tell(name, "declined");
    await put("declined", Date.now()).catch(unable);
  }
  return answer ?? "declined";
};

/** How many say yes, by prompt: the figure that words and places are chosen by. */
const tell = (prompt: string, step: string) => void track("push_prompt", { prompt, step });

interface Claims {
  sub: string;
  exp: number;
  iat?: number;
}
const claims = (token: string): Claims => {
  const part = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
  const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
};

/** Takes down what is shown; nobody dismissed it. */
const close = async (found: ServiceWorkerRegistration) => {
  const shown = await found.getNotifications();
  const jobs = shown.map((notification) => notification.data?.job_id);
  const before = get("ended").then((ended) => put("ended", [...(ended ?? []), ...jobs]));
  await before.catch(unable);
  shown.forEach((notification) => notification.close());
};

/** Whether it came about in time; where not, it goes on by itself. */
const within = (ms: number, work: Promise<boolean>): Promise<boolean> => {
  const late = new Promise<boolean>((done) => setTimeout(done, ms, false));
  return Promise.race([work, late]).catch(() => false);
};

/** Says who is here now, by a token whose claims these are. */
const enter = async (token: string, { sub, exp, iat }: Claims) => {
  const before = await get("identity");
  const same = before?.user === sub;
  if (before && !same) await nudge.logout();
  const known = same && Date.now() - before.at < LOGIN_AGAIN_MS;
  const at = known ? before.at : Date.now();
  // By how long it lives: this browser's clock may be hours off. The gateway knows for certain.
  const end = iat === undefined ? exp : Date.now() / 1000 + exp - iat;
  const until = before?.token === token ? before.exp : end;
  if (!known) await flush();
  await put("identity", { token, user: sub, exp: until, at });
  if (!known) await remember("login", { user_id: sub });
  await flush();
  if (!known || !fresh(before)) {
    other();
    await refresh();
  }
};

const nudge: Omit<Nudge, keyof Events> = {
  async init(given: Options) {
    nudge.options = given;
    const locale = given.locale ?? (document.documentElement.lang || navigator.language);
    const gateway = given.gateway.replace(/\/$/, "");
    await put("config", { gateway, key: given.key, locale }).catch(unable);
    addEventListener("online", () => void flush());
    addEventListener("pagehide", () => void flush());
    if (given.automatic !== false) {
      const title = [...document.title].slice(0, MOST_TITLE).join("");
      void track("page_view", { url: location.href.slice(0, MOST_URL), title });
      engage(given.engagementEvery ?? ENGAGED_MS);
    }
    if (given.inbox !== false) globalThis.nudge.inbox?.start(given.inbox);
    void sendReports();
    await refresh().catch(unable);
  },

  track,
  reach,
  subscribe: () => subscribe(),

  prompt(text: PromptText) {
    asking ??= question(text).finally(() => (asking = undefined));
    return asking;
  },

  async unsubscribe() {
    await put("wanted", undefined);
    await unbind();
    const found = await registered();
    const subscription = found && (await found.pushManager.getSubscription());
    if (subscription) await subscription.unsubscribe();
    await put("device", undefined);
    await put("declined", Date.now());
  },

  async login(token: string) {
    const read = claims(token);
    await enter(token, read).catch(unable);
  },

  async logout() {
    const identity = await get("identity").catch(() => null);
    if (identity === undefined) return;
    // Where storage fails nobody will be told: the browser is unsubscribed.
    const fields = identity && { user_id: identity.user, proof: identity };
    const noted = !!fields && (await remember("logout", fields));
    const cleared = await put("identity", undefined).then(() => noted, unable);
    other();
    const found = await registered();
    if (found) await close(found);
    const subscription = found && (await found.pushManager.getSubscription());
    const tell = async () => {
      const told = await flush();
      return subscription ? (await bind(found)) && told : told;
    };
    const told = cleared && (await within(LOGOUT_MS, tell()));
    // Where nobody can be told, the browser itself must not show what is the user's.
    if (subscription && !told) await subscription.unsubscribe();
  },

  visitor: () => visitor().then((who) => who?.anonymous_id, (error) => void unable(error)),

  async flush() {
    await flush();
  },
};

globalThis.nudge = Object.assign(
  nudge,
  ...HELPERS.map((type) => ({ [type]: (fields: object) => track(type, fields) })),
) as Nudge;

