/** `nudge-inbox.js`: messages on the page itself, and the inbox. Loaded after `nudge.js`. */

import { card } from "./card";
import { ask, credentials, fresh } from "./gateway";
import type { Inbox, InboxOptions, Message } from "./public";
import { sendReports } from "./reports";
import { alone, get, push, put } from "./store";
import { events } from "./stream";

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;
const MOST_SHOWN = 100;

let options: InboxOptions = {};
let control: AbortController | undefined;
const listeners = new Set<(message?: Message) => void>();
const onScreen = new Map<string, () => void>();

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

const changed = (message?: Message) => listeners.forEach((listener) => listener(message));

const takeDown = (ids: string[]) => {
  for (const id of ids) {
    onScreen.get(id)?.();
    onScreen.delete(id);
  }
};

const note = (type: string, message: Message, action?: string) => {
  const { job_id, scenario, token, subscription_id } = message;
  return push("reports", {
    type, job_id, scenario, token, subscription_id, occurred_at: Date.now(),
    ...(action && { action }),
  }); // prettier-ignore
};

const report = async (type: string, message: Message) => {
  await note(type, message);
  await sendReports();
};

/** Whether no page of this browser has shown it yet; from now on one has. */
const firstTime = (id: string) =>
  alone("shown", async () => {
    const shown = (await get("shown")) ?? [];
    if (shown.includes(id)) return false;
    await put("shown", [...shown, id].slice(-MOST_SHOWN));
    return true;
  });

const show = async (message: Message) => {
  const { channel, read, expires_at, job_id } = message;
  if (channel !== "onsite" || read || expires_at <= Date.now()) return;
  if (!(await firstTime(job_id))) return;
  if (options.show) options.show(message);
  else {
    const words = { open: options.openLabel ?? "Open", close: options.closeLabel ?? "Close" };
    const opened = (action?: string) => void inbox.open(message, action);
    onScreen.set(job_id, card(message, words, opened, () => void inbox.dismiss(message)));
  }
  await report("displayed", message);
};

const heard = (news: string, data: string) => {
  const content = JSON.parse(data);
  if (news === "message") {
    void show(content);
    changed(content);
  } else {
    takeDown(content.job_ids);
    changed();
  }
};

const live = (now: boolean) => {
  inbox.live = now;
  if (now) dispatchEvent(new Event("nudge:live"));
};

/** Listens while the page is in front. */
const listen = async () => {
  const own = (control = new AbortController());
  for (let wait = FIRST_WAIT_MS; control === own; ) {
    try {
      const [config, headers, identity] = await Promise.all([
        get("config"),
        credentials(),
        get("identity"),
      ]);
      // Without a fresh proof it would be the visitor's inbox: the page brings one soon.
      if (config && headers && (!identity || fresh(identity))) {
        const response = await fetch(`${config.gateway}/v1/messages/stream`, {
          headers,
          signal: own.signal,
          credentials: "omit",
          cache: "no-store",
        });
        if (response.ok && response.body) {
          wait = FIRST_WAIT_MS;
          live(true);
          changed();
          await events(response.body, heard);
        }
      }
    } catch {
      // No network, or the page is no longer in front.
    }
    if (control !== own) return;
    live(false);
    await sleep(wait * (1 + Math.random()));
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
};

const stop = () => {
  const before = control;
  control = undefined;
  live(false);
  before?.abort();
};

/** Somebody else is here now: what the page shows is not theirs. */
const anew = () => {
  takeDown([...onScreen.keys()]);
  stop();
  follow();
  changed();
};

/** A page that nobody sees holds no connection: a browser has few of them for one host. */
const follow = () => {
  const visible = document.visibilityState === "visible";
  if (visible && !control) void listen();
  if (!visible && control) stop();
};

const asCaller = async (path: string, body?: object) => {
  const headers = await credentials();
  return ask(path, undefined, {
    ...(headers && { headers }),
    ...(body && { method: "POST", body: JSON.stringify(body) }),
  });
};

const inbox: Inbox = {
  live: false,

  start(given: InboxOptions = {}) {
    options = given;
    document.addEventListener("visibilitychange", follow);
    addEventListener("pagehide", stop);
    addEventListener("pageshow", follow);
    addEventListener("nudge:identity", anew);
    follow();
  },

  async messages() {
    const { status, body } = await asCaller("/v1/messages");
    return status === 200 ? body.messages : undefined;
  },

  async read(...ids: string[]) {
    if (!ids.length) return;
    takeDown(ids);
    await asCaller("/v1/messages/read", { job_ids: ids.slice(0, 50) });
  },

  async open(message: Message, action?: string) {
    const chosen = message.actions?.find((each) => each.action === action);
    // A button without a link only tells.
    const wanted = (chosen ?? message).url;
    const url = wanted && new URL(wanted, location.href);
    const noted = note("clicked", message, action).catch(() => undefined);
    const told = Promise.all([noted.then(sendReports), inbox.read(message.job_id)]);
    // Once it is written down the next page can tell it: nobody waits for the gateway.
    await noted;
    if (url && /^https?:$/.test(url.protocol)) location.assign(url.href);
    await told;
  },

  async dismiss(message: Message) {
    await Promise.all([report("dismissed", message), inbox.read(message.job_id)]);
  },

  onchange(listener) {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
};

const { nudge } = globalThis;
nudge.inbox = inbox;
// `init` came first: it found nothing to start.
if (nudge.options && nudge.options.inbox !== false) inbox.start(nudge.options.inbox);
