/** Events on their way: kept until the gateway has acknowledged them, online or not. */

import { ask, bytes, fresh, passing, visitor } from "./gateway";
import { alone, drop, get, peek, push, put, type Identity, type Visitor } from "./store";

const MOST = 50;
/** Under the 64 KiB that gateway and browsers take, with room for the tokens. */
const MOST_BYTES = 48_000;
const MOST_KEPT = 1000;
/** Refusals of what was sent, not of who sent it or of the way there. */
const FINAL = [400, 413, 422];

interface Event {
  type: string;
  user_id?: string;
}

/** With U+FFFD for each half of a character: no UTF-8 has them, and no JSON reader need. */
const whole = (text: string) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text));

/** As it will be sent. Throws a TypeError where JSON has no form for it. */
const plain = (event: object): object =>
  JSON.parse(JSON.stringify(event, (_, value) => (typeof value === "string" ? whole(value) : value)));

/** Writes an event down; `flush` sends it. Throws a TypeError for what is no JSON. */
export const remember = async (type: string, fields: object): Promise<void> => {
  const identity = await get("identity");
  const event = plain({
    type,
    event_id: crypto.randomUUID(),
    occurred_at: Date.now(),
    ...(identity && { user_id: identity.user }),
    ...fields,
  });
  const key = await push("events", event);
  // A browser that is offline for weeks keeps its newest.
  if (typeof key === "number" && key > MOST_KEPT) await drop("events", 0, key - MOST_KEPT);
};

/** As it is told now. Who cannot be proved any more is still this visitor: the core knows whose. */
const told = ({ user_id, ...rest }: Event, who: Visitor, identity?: Identity) => {
  const proved =
    user_id !== undefined &&
    user_id === identity?.user &&
    (fresh(identity) || rest.type === "logout");
  return {
    ...rest,
    ...(proved && { user_id }),
    anonymous_id: who.anonymous_id,
    locale: document.documentElement.lang || navigator.language,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
};

/** As many of the first as a request has room for, but one at least. */
const fitting = (events: object[]) => {
  let left = MOST_BYTES;
  const over = events.findIndex((event) => (left -= bytes(JSON.stringify(event))) < 0);
  return over < 0 ? events : events.slice(0, Math.max(1, over));
};

/** Sends all that waits. Answers whether nothing is left. */
export const flush = (): Promise<boolean> =>
  alone("events", async () => {
    let most = MOST;
    for (let refused = 0; ; ) {
      const waiting = await peek<Event>("events", most);
      if (!waiting.length) return true;
      const [who, identity] = await Promise.all([visitor(), get("identity")]);
      if (!who) return false;
      const events = fitting(waiting.map(([, event]) => told(event, who, identity)));
      const { status, body } = await ask("/v1/events", {
        visitor: who.visitor,
        ...(identity && { identity: identity.token }),
        sent_at: Date.now(),
        events,
      });
      if (passing(status)) return false;
      if (status === 401 && refused++ < 2) {
        // Secrets were changed, or our clock is wrong. The page brings another identity at its
        // next login; another visitor is asked for at once.
        await put(identity ? "identity" : "visitor", undefined);
        continue;
      }
      const named = /^events\.(\d+)\./.exec(body.field ?? "");
      const wrong = waiting[named ? Number(named[1]) : -1];
      if (status !== 202 && !wrong && !FINAL.includes(status)) {
        console.error("nudge:", body.message ?? status);
        return false;
      }
      if (status !== 202 && !wrong && events.length > 1) {
        // Which one it is was not said: looked for by halves.
        most = events.length >> 1;
        continue;
      }
      // Those that were taken, or the one that nobody will ever take: it holds up no others.
      const first = wrong ?? waiting[0]!;
      const last = status === 202 ? waiting[events.length - 1]! : first;
      await drop("events", first[0], last[0]);
      most = Math.min(MOST, most * 2);
    }
  });
