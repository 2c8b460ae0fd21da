/** Events on their way: kept until the gateway has acknowledged them, online or not. */

import { ask, fresh, passing, visitor } from "./gateway";
import { alone, drop, get, peek, push, put } from "./store";

const MOST = 50;
const MOST_KEPT = 1000;

interface Event {
  type: string;
  user_id?: string;
}

/** Writes an event down; `flush` sends it. */
export const remember = async (type: string, fields: object): Promise<void> => {
  const identity = await get("identity");
  const key = await push("events", {
    type,
    event_id: crypto.randomUUID(),
    occurred_at: Date.now(),
    ...(identity && { user_id: identity.user }),
    ...fields,
  });
  // A browser that is offline for weeks keeps its newest.
  if (typeof key === "number" && key > MOST_KEPT) await drop("events", 0, key - MOST_KEPT);
};

/** Sends all that waits. Answers whether nothing is left. */
export const flush = (): Promise<boolean> =>
  alone("events", async () => {
    for (let refused = 0; ; ) {
      const waiting = await peek<Event>("events", MOST);
      if (!waiting.length) return true;
      const [who, identity] = await Promise.all([visitor(), get("identity")]);
      if (!who) return false;
      const events = waiting.map(([, event]) => {
        const { user_id, ...rest } = event;
        const proved =
          user_id !== undefined &&
          user_id === identity?.user &&
          (fresh(identity) || event.type === "logout");
        // Who cannot be proved any more is still this visitor: the core knows whose that was.
        return {
          ...rest,
          ...(proved && { user_id }),
          anonymous_id: who.anonymous_id,
          locale: document.documentElement.lang || navigator.language,
          timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        };
      });
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
      const first = waiting[0]![0];
      const last = waiting[waiting.length - 1]![0];
      const wrong = /^events\.(\d+)\./.exec(body.field ?? "");
      if (status === 202) await drop("events", first, last);
      // One that nobody will ever take must not hold up the others.
      else if (wrong) await drop("events", waiting[Number(wrong[1])]![0]);
      else {
        console.error("nudge:", body.message ?? status);
        return false;
      }
    }
  });
