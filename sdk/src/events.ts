/** Events on their way: kept until the gateway has acknowledged them, online or not. */

import { ask, bytes, fresh, passing, visitor } from "./gateway";
import {
  alone, drop, get, peek, push, put, replace, unable, type Config, type Identity, type Visitor,
} from "./store"; // prettier-ignore

/** The core knows a user's last eight again: more, sent once more, would count twice. */
const MOST = 8;
/** Under the 64 KiB that gateway and browsers take, with room for the tokens. */
const MOST_BYTES = 48_000;
const MOST_KEPT = 1000;
/** Refusals of what was sent, not of who sent it or of the way there. */
const FINAL = [400, 413, 422];
/** Without their user they say nothing. */
const PROVED = ["sign_up", "login", "logout"];

interface Event {
  type: string;
  user_id?: string;
  /** A logout's own: the browser may be somebody else's when it is told. */
  proof?: Identity;
}
type Waiting = [IDBValidKey, Event];

/** With U+FFFD for each half of a character: no UTF-8 has them, and no JSON reader need. */
const whole = (text: string) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text));

/** As it will be sent. Throws a TypeError where JSON has no form for it. */
const plain = (event: object): object =>
  JSON.parse(JSON.stringify(event, (_, part) => (typeof part === "string" ? whole(part) : part)));

const keep = async (event: object) => {
  const identity = await get("identity");
  const key = await push("events", { ...(identity && { user_id: identity.user }), ...event });
  // A browser that is offline for weeks keeps its newest.
  if (typeof key === "number" && key > MOST_KEPT) await drop("events", 0, key - MOST_KEPT);
  return true;
};

/**
 * Writes an event down; `flush` sends it. Answers whether it could.
 *
 * Throws a TypeError for what is no JSON.
 */
export const remember = async (type: string, fields: object): Promise<boolean> => {
  const said = { type, event_id: crypto.randomUUID(), occurred_at: Date.now(), ...fields };
  return keep(plain(said)).catch(unable);
};

/** As it is told now. Who cannot be proved any more is still this visitor: the core knows whose. */
const told = (
  { user_id, proof: _, ...rest }: Event,
  who: Visitor,
  config?: Config,
  identity?: Identity,
) => {
  const proved =
    user_id !== undefined &&
    user_id === identity?.user &&
    !identity.refused &&
    (fresh(identity) || rest.type === "logout");
  return {
    ...rest,
    ...(proved && { user_id }),
    anonymous_id: who.anonymous_id,
    locale: config?.locale,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
};

/** As many of the first as a request has room for, but one at least. */
const fitting = <T>(events: T[]): T[] => {
  let left = MOST_BYTES;
  const over = events.findIndex((event) => (left -= bytes(JSON.stringify(event))) < 0);
  return over < 0 ? events : events.slice(0, Math.max(1, over));
};

/** The oldest that may go with one token: a logout is the last word of its own. */
const oldest = async (most: number) => {
  const all: Waiting[] = await peek<Event>("events", MOST_KEPT);
  const end = all.findIndex(([, event]) => event.proof) + 1;
  const logout = all[end - 1];
  const identity = logout ? logout[1].proof : await get("identity");
  return { waiting: all.slice(0, Math.min(most, end || most)), logout, identity };
};

/**
 * Notes that the gateway does not take the token. One that has expired still logs its user out.
 *
 * The browser stays the user's until `logout`: the page brings another token at its next login.
 */
const doubt = async (identity: Identity, code: string, logout?: Waiting) => {
  const expired = code === "expired" && fresh(identity);
  const doubted = { ...identity, ...(expired ? { exp: 0 } : { refused: true }) };
  if (logout) await replace("events", logout[0], { ...logout[1], proof: doubted });
  else if ((await get("identity"))?.token === identity.token) await put("identity", doubted);
};

/** Leaves out what nobody proves any more; a login is told again at the next call of `login`. */
const withdraw = async ([key, { type, user_id }]: Waiting) => {
  await drop("events", key);
  const known = await get("identity");
  if (type === "login" && known?.user === user_id) await put("identity", { ...known!, at: 0 });
};

/** Sends all that waits. Answers whether nothing is left. */
export const flush = (): Promise<boolean> =>
  alone("events", async () => {
    let most = MOST;
    for (let refused = 0; ; ) {
      const { waiting, logout, identity } = await oldest(most);
      if (!waiting.length) return true;
      const who = await visitor();
      if (!who) return false;
      const config = await get("config");
      const all = waiting.map(([, event]) => told(event, who, config, identity));
      const unproved = all.findIndex(({ type, user_id }) => PROVED.includes(type) && !user_id);
      if (unproved >= 0) {
        await withdraw(waiting[unproved]!);
        continue;
      }
      const events = fitting(all);
      const { status, body } = await ask("/v1/events", {
        visitor: who.visitor,
        ...(identity && !identity.refused && { identity: identity.token }),
        sent_at: Date.now(),
        events,
      });
      if (passing(status)) return false;
      if (status === 401 && body.code !== "unknown_key" && refused++ < 2) {
        // Secrets were changed, or a clock is wrong.
        if (identity && !identity.refused) await doubt(identity, body.code, logout);
        else if (!(await visitor(who))) return false;
        continue;
      }
      const named = /^events\.(\d+)\./.exec(body.field ?? "");
      const wrong = waiting[named ? Number(named[1]) : -1];
      const first = waiting[0]![0];
      most = Math.min(MOST, most * 2);
      if (status === 202) await drop("events", first, waiting[events.length - 1]![0]);
      // One that nobody will ever take must not hold up the others.
      else if (wrong) await drop("events", wrong[0]);
      else if (!FINAL.includes(status)) {
        console.error("nudge:", body.message ?? status);
        return false;
      }
      // Which one it is was not said: it is looked for by halves.
      else if (events.length > 1) most = events.length >> 1;
      else await drop("events", first);
    }
  }).catch(unable);
