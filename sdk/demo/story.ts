/** The visitor's story beside the shop: what waits, what happened, and what to try next. */

import { credentials } from "../src/gateway";
import { put } from "../src/store";
import { events } from "../src/stream";
import { $, clock, countdown, h } from "./dom";
import * as reach from "./reach";
import { cart, config, restock, whenever } from "./shelves";

const RETRY_MS = 1500;
const MOST = 60;

interface Moment {
  scenario: string;
  entity: string;
  step: number;
  since: number;
  due_at: number;
  moves: boolean;
  held: string | null;
}
interface Entry {
  kind: "did" | "decided" | "sent" | "result" | "arrived" | "reacted" | "reach" | "shop";
  at: number;
  words: string;
  good?: boolean;
  scenario?: string;
  entity?: string;
  outcome?: string;
  reason?: string;
  channel?: string;
  title?: string;
  body?: string;
  payload?: reach.Payload;
}
export interface Order {
  order_id: string;
  at: number;
  value: number;
  delivery_cost: number;
  status: string;
  items: { name: string; product_id: string; variant_id?: string; quantity: number; price: number }[];
}

const SCENARIOS: Record<string, string> = {
  cart_abandoned: "The cart reminder",
  checkout_abandoned: "The checkout reminder",
  price_drop: "Price drop",
  back_in_stock: "Back in stock",
  order_confirmed: "Order confirmed",
  order_status: "News of the order",
};
const REASONS: Record<string, string> = {
  ok: "nothing spoke against it", present: "you are here", frequency_cap: "too soon after another",
  purchased: "you bought", cart_empty: "the cart is empty", not_subscribed: "no browser to push to",
  already_sent: "said already", lower_priority: "something mattered more",
  out_of_stock: "sold out", price_back_up: "the price went up again",
  interest_gone: "you no longer want it", family_taken: "a stronger one took its place",
  superseded: "a newer one took its place",
}; // prettier-ignore
const VERDICTS: Record<string, string> = {
  sent: "say it", dropped: "keep silent", held: "wait", withdraw_requested: "take it back",
}; // prettier-ignore

let offset = 0;
let moments: Moment[] = [];
let way: reach.Way = "none";
let standsIn = false;
const states = new Map<string, { moments: Moment[]; moved?: boolean }>();
export const orders = new Map<string, Order>();
const orderListeners = new Set<() => void>();
export const onOrders = (draw: () => void): void => {
  orderListeners.add(draw);
  draw();
};

const label = (scenario: string, entity?: string): string => {
  const name = SCENARIOS[scenario] ?? scenario.replace(/_/g, " ");
  return entity && entity !== "cart" ? `${name}: ${entity}` : name;
};
const now = () => Date.now() + offset;

const letter = (title: string, body: string, ...more: Node[]) =>
  h("div", { class: "letter" }, h("strong", {}, title), h("span", {}, body), ...more);

const drawn = (entry: Entry, fresh: boolean): HTMLElement => {
  const { kind, words, good } = entry;
  const time = h("time", {}, clock(entry.at));
  const item = h("li", { class: `${kind}${good ? " good" : ""}${fresh ? " fresh" : ""}` });
  if (kind === "decided") {
    const verdict = VERDICTS[entry.outcome!] ?? entry.outcome!;
    item.append(
      h("span", { class: "verdict" }, `${label(entry.scenario!, entry.entity)}: ${verdict}`), time,
      h("p", { class: "why" }, `${words} `, h("code", {}, `${entry.outcome} ${entry.reason}`)),
    ); // prettier-ignore
  } else if (kind === "sent") {
    item.append(words, time, letter(entry.title!, entry.body!));
  } else if (kind === "arrived") {
    const { payload } = entry;
    const open = async () => {
      await reach.report("clicked", await reach.complete(payload!));
      location.assign(payload!.url);
    };
    const button = h("button", { type: "button", onclick: () => void open() }, "Open it");
    item.append(words, time, letter(payload!.title, payload!.body, h("div", { class: "row" }, button)));
  } else if (kind === "reacted") {
    item.append(`${words}: ${label(entry.scenario!).toLowerCase()}`, time);
  } else {
    item.append(words, time);
  }
  return item;
};

const say = (entry: Entry) => {
  const words =
    entry.kind === "decided"
      ? `${label(entry.scenario!, entry.entity)}: ${VERDICTS[entry.outcome!] ?? entry.outcome}, ` +
        `${REASONS[entry.reason!] ?? entry.reason}`
      : entry.kind === "sent" || entry.kind === "arrived"
        ? `${entry.title ?? entry.payload?.title}. ${entry.body ?? entry.payload?.body}`
        : "";
  if (words) $("#said")!.textContent = words;
};

const list = () => $("#entries")!;
const tell = (entry: Entry, fresh = true) => {
  list().querySelector(".empty")?.remove();
  list().prepend(drawn(entry, fresh));
  if (entry.kind === "sent") newest = entry.title!;
  while (list().children.length > MOST) list().lastElementChild!.remove();
  if (!fresh) return;
  say(entry);
  if (entry.kind === "arrived") void reach.complete(entry.payload!).then(reach.show);
};

const drawMoments = () => {
  moments = [...states.values()].filter((each) => !each.moved).flatMap((each) => each.moments);
  moments.sort((one, other) => one.due_at - other.due_at);
  const place = $("#moments")!;
  place.replaceChildren(
    ...moments.map((moment) => {
      const about = moment.held
        ? `Held: ${REASONS[moment.held] ?? moment.held}`
        : moment.moves
          ? "After the last thing you do: whatever you do moves it"
          : "Looked at again then, and said if it still is true";
      return h(
        "li", {},
        h("div", { class: "top" }, h("strong", {}, label(moment.scenario, moment.entity)),
          h("span", { class: "left" })),
        h("progress", { max: "1", "aria-hidden": "true" }),
        h("p", {}, about),
      ); // prettier-ignore
    }),
  );
  if (!moments.length) place.append(h("li", { class: "empty" }, "Nothing at the moment."));
  tick();
  drawTip();
};

const tick = () => {
  const items = [...$("#moments")!.children];
  moments.forEach((moment, place) => {
    const left = moment.due_at - now();
    const words = left > 0 ? countdown(left) : "any moment";
    const item = items[place];
    if (!item) return;
    $(".left", item)!.textContent = words;
    const whole = Math.max(1, moment.due_at - moment.since);
    $<HTMLProgressElement>("progress", item)!.value = Math.min(1, Math.max(0, 1 - left / whole));
  });
  const [first] = moments;
  const brief = first
    ? `${label(first.scenario, first.entity)} in ${countdown(first.due_at - now())}`
    : newest;
  $("#brief")!.textContent = brief;
  const waiting = $("#waiting");
  if (!waiting) return;
  const coming = first && first.due_at > now();
  const words = coming ? countdown(first.due_at - now()) : "";
  if (waiting.dataset.words === words + way) return;
  waiting.dataset.words = words + way;
  waiting.replaceChildren(
    coming ? h("p", { class: "clock" }, words) : "",
    h("p", { class: "quiet" }, coming
      ? `until ${label(first.scenario, first.entity).toLowerCase()}`
      : way === "none" ? "Nothing waits. And nothing could reach you: you are not subscribed."
      : "Nothing waits. What was said, and what was not, stands in your story."),
  ); // prettier-ignore
};

const WAYS: Record<reach.Way, string> = {
  none: "No browser of yours can be pushed to yet.",
  own: "Your browser's own push service is used: real pushes, encrypted.",
  "stand-in":
    "Your browser's own push service cannot be reached. A push service on this machine stands in:" +
    " it verifies, decrypts, and hands the message to this page.",
};

/** The title of the newest message. */
let newest = "";
let tipFor = "";
const drawTip = () => {
  const full = cart.get().length > 0;
  const ticks = moments.some((moment) => moment.moves);
  const next =
    way === "none" ? "subscribe" : config.away ? "away" : ticks ? "leave" : full ? "more" : "fill";
  const shown = next + way + ticks;
  if (shown === tipFor) return;
  tipFor = shown;
  const steps: Record<string, Node[]> = {
    subscribe: [
      h("p", {}, h("strong", {}, "Let the shop reach you. "),
        "Your browser asks once; nothing comes without your yes."),
      h("div", { class: "row" }, h("button", { type: "button", class: "primary", id: "subscribe",
        onclick: () => void yes() }, "Allow notifications")),
    ],
    fill: [
      h("p", {}, h("strong", {}, "Put something into the cart. "),
        "Or save something, and lower its price behind the counter."),
    ],
    leave: [
      h("p", {}, h("strong", {}, "Now leave. "),
        "Twenty seconds later the cart reminds you, unless you come back or buy."),
      h("div", { class: "row" }, h("a", { class: "button primary", href: "/away" }, "Leave the shop")),
    ],
    more: [
      h("p", {}, h("strong", {}, "Your cart was spoken of. "),
        "It is not again until you put in something more. Buy, and follow your order; or save" +
        " something, and lower its price behind the counter."),
    ],
    away: [
      h("p", {}, h("strong", {}, "You are away. "),
        ticks ? "Your cart is not: watch the countdown."
          : "Change a price or a stock behind the counter, and see who hears of it."),
      h("div", { class: "row" }, h("a", { class: "button", href: "/" }, "Back to the shelves")),
    ],
  }; // prettier-ignore
  const about = way === "none" && !standsIn ? "" : WAYS[way];
  $("#tip")!.replaceChildren(...steps[next]!, h("p", { class: "way" }, about));
};

const yes = async () => {
  const button = $<HTMLButtonElement>("#subscribe")!;
  button.disabled = true;
  button.textContent = "Asking …";
  way = await reach.subscribe().catch(() => "none" as const);
  tipFor = "";
  drawTip();
};

const heard = (name: string, data: string) => {
  const content = JSON.parse(data);
  if (name === "now") {
    offset = content.at - Date.now();
    standsIn = content.stand_in;
  } else if (name === "product") restock(content);
  else if (name === "orders" || name === "order") {
    for (const order of name === "order" ? [content] : content.orders) orders.set(order.order_id, order);
    orderListeners.forEach((draw) => draw());
  } else if (name === "state") {
    states.set(content.owner, content);
    drawMoments();
  } else if (name === "story") {
    list().replaceChildren();
    for (const entry of content.entries) tell(entry, false);
    if (!content.entries.length) list().append(h("li", { class: "empty" }, "Nothing yet. Look around."));
  } else if (name === "entry") tell(content);
};

const follow = async () => {
  for (;;) {
    try {
      const headers = await credentials();
      const response = headers && (await fetch("/demo/story", { headers, cache: "no-store" }));
      // The demo was started anew, and does not know this browser any more.
      if (response?.status === 401) await put("visitor", undefined);
      if (response?.ok && response.body) await events(response.body, heard);
    } catch {
      // The gateway is away: it may come back.
    }
    await new Promise((again) => setTimeout(again, RETRY_MS));
  }
};

/** Shows the story, and goes on showing it. */
export const start = async (): Promise<void> => {
  const bar = $(".story-bar")!;
  bar.onclick = () => bar.setAttribute("aria-expanded", String(bar.ariaExpanded !== "true"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && bar.ariaExpanded === "true") bar.click();
  });
  setInterval(tick, 250);
  way = await reach.way();
  whenever(drawTip);
  drawMoments();
  void follow();
};
