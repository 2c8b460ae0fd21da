/** What each page of the demo shop does. */

import { $, $$, clock, done, h, money, redraw } from "./dom";
import { article, askShop, cart, config, type Line, nameOf, offer, picture, sameLine, saved, sum, whenever } from "./shelves";
import { onOrders, type Order, orders } from "./story";

const chosen = () => $<HTMLInputElement>("[name=variant]:checked")?.value;

const stockWords = (left: number) => (left === 0 ? "Sold out" : left <= 3 ? `Only ${left} left` : "");

const drawOffers = () => {
  for (const place of $$("[data-product]:not([data-shelf])")) {
    const known = article(place.dataset.product!)!;
    const one = "view" in place.dataset;
    const variants = known.variants.map((each) => each.variant_id);
    const variant = one ? chosen() : undefined;
    const { price } = offer(known.product_id, variant);
    const left = one || !variants.length
      ? offer(known.product_id, variant).left
      : Math.max(...variants.map((each) => offer(known.product_id, each).left)); // prettier-ignore
    const before = price < known.price && h("s", {}, h("span", { class: "for-ears" }, "was "), money(known.price));
    $("[data-price]", place)!.replaceChildren(money(price), ...(before ? [before] : []));
    const stock = $("[data-stock]", place)!;
    stock.textContent = stockWords(left);
    stock.classList.toggle("out", left === 0);
    if (!one) continue;
    $("[data-do=add]")!.hidden = left === 0;
    $("[data-do=alert]")!.hidden = left > 0;
  }
};

const about = (id: string, variant?: string) => {
  const { price, left } = offer(id, variant);
  const own = { product_id: id, ...(variant && { variant_id: variant }) };
  return { own, price, left, seen: { ...own, price, currency: "EUR", category: article(id)!.category } };
};

const add = (id: string, variant?: string) => {
  const lines = cart.get();
  const line = lines.find((each) => sameLine(each, id, variant));
  if (line) line.quantity += 1;
  else lines.push({ product_id: id, ...(variant && { variant_id: variant }), quantity: 1 });
  cart.set(lines);
  return nudge.add_to_cart(about(id, variant).seen);
};

const save = (id: string) => {
  const there = saved.get();
  const gone = there.includes(id);
  saved.set(gone ? there.filter((each) => each !== id) : [...there, id]);
  const { own, price } = about(id);
  return gone ? nudge.remove_from_wishlist(own) : nudge.add_to_wishlist({ ...own, price });
};

const product = (place: HTMLElement) => {
  const id = place.dataset.product!;
  const view = () => {
    const { seen, left } = about(id, chosen());
    void nudge.view_item({ ...seen, available: left > 0 });
  };
  view();
  for (const input of $$("[name=variant]")) {
    input.onchange = () => {
      $<HTMLImageElement>("[data-picture]")!.src = picture(id, chosen());
      drawOffers();
      view();
    };
  }
  const button = (name: string) => $<HTMLButtonElement>(`[data-do=${name}]`)!;
  button("add").onclick = async () => {
    await add(id, chosen());
    done("In your cart.");
  };
  button("alert").onclick = async () => {
    await nudge.stock_alert_requested({ ...about(id, chosen()).own });
    done("We will tell you when it is back.");
  };
  button("save").onclick = () => void save(id);
  whenever(() => {
    const there = saved.get().includes(id);
    button("save").setAttribute("aria-pressed", String(there));
    button("save").textContent = there ? "Saved" : "Save";
  });
};

const total = (name: string, value: number, all = false) =>
  h("p", { class: `total${all ? " all" : ""}` }, h("span", {}, name), h("span", {}, value ? money(value) : "free"));

const delivery = () => (sum() >= config.free_from ? 0 : config.delivery);

/** What was pressed is gone: a keyboard goes on from the page's beginning, not the window's. */
const refocus = () => $("#main")!.focus();

const take = (line: Line) => {
  cart.set(cart.get().filter((each) => !sameLine(each, line.product_id, line.variant_id)));
  refocus();
  const { product_id, variant_id } = line;
  return nudge.remove_from_cart({ product_id, ...(variant_id && { variant_id }) });
};

const lineOf = (line: Line, last?: Node) => {
  const { product_id, variant_id, quantity } = line;
  const { price, left } = offer(product_id, variant_id);
  return h(
    "li", {},
    h("img", { src: picture(product_id, variant_id), alt: "", width: "64", height: "64" }),
    h("div", {},
      h("a", { href: `/p/${product_id}` }, nameOf(product_id, variant_id)),
      h("p", { class: "quiet" }, `${quantity} × ${money(price)}`),
      left < quantity && h("p", { class: "stock out" }, left ? `Only ${left} left` : "Sold out"),
      last),
    h("span", { class: "sum" }, money(price * quantity)),
  ); // prettier-ignore
};

const empty = (words: string) =>
  h("div", {}, h("p", {}, words), h("a", { class: "button primary", href: "/" }, "To the shop"));

const drawCart = (place: HTMLElement) => {
  const lines = cart.get();
  place.className = "boxed";
  place.replaceChildren(
    ...(lines.length
      ? [
          h("ul", { class: "lines" }, ...lines.map((line) => lineOf(line, h("button", { type: "button",
            "aria-label": `Take out ${nameOf(line.product_id, line.variant_id)}`,
            onclick: () => void take(line) }, "Take out")))),
          h("div", {}, total("Delivery", delivery()), total("In all", sum() + delivery(), true)),
          h("a", { class: "button primary", href: "/checkout" }, "To the checkout"),
        ]
      : [empty("Nothing in it yet.")]),
  ); // prettier-ignore
};

const buy = async (button: HTMLButtonElement) => {
  button.disabled = true;
  try {
    await nudge.flush();
    const { order_id } = await askShop<{ order_id: string }>("/demo/orders", { lines: cart.get() });
    cart.set([]);
    location.assign(`/orders/${order_id}`);
  } catch (error) {
    done((error as Error).message, true);
    button.disabled = false;
  }
};

const checkout = (place: HTMLElement) => {
  place.className = "boxed";
  if (cart.get().length) {
    void nudge.begin_checkout({ value: sum() + delivery(), delivery_cost: delivery(), currency: "EUR" });
  }
  const pay = h("button", { class: "primary", type: "button" }, "Buy");
  pay.onclick = () => void buy(pay);
  const said = h("p", { class: "done", role: "status", "data-done": true });
  const draw = () => {
    if (!cart.get().length) {
      if (!pay.disabled) place.replaceChildren(empty("There is nothing to pay for."));
      return;
    }
    place.replaceChildren(
      h("div", { class: "address" }, h("h2", {}, "To"), h("p", {}, "You, at home. It is a demo: nobody comes."),
        h("p", { class: "quiet" }, "Paid with Monopoly money.")),
      h("ul", { class: "lines" }, ...cart.get().map((line) => lineOf(line))),
      h("div", {}, total("Delivery", delivery()), total("In all", sum() + delivery(), true)),
      pay,
      said,
    ); // prettier-ignore
  };
  whenever(() => void redraw(place, draw));
};

const drawSaved = (place: HTMLElement) => {
  const ids = saved.get();
  place.className = "boxed";
  place.replaceChildren(
    ids.length
      ? h("ul", { class: "lines" }, ...ids.map((id) => h(
          "li", {},
          h("img", { src: picture(id), alt: "", width: "64", height: "64" }),
          h("div", {}, h("a", { href: `/p/${id}` }, nameOf(id)), h("p", { class: "quiet" }, money(offer(id).price))),
          h("button", { type: "button", "aria-label": `Remove ${nameOf(id)}`,
            onclick: () => { void save(id); refocus(); } }, "Remove"),
        )))
      : empty("Nothing saved yet."),
  ); // prettier-ignore
};

const WAY = ["confirmed", "picking", "packed", "dispatched", "delivered"];
const words = (status: string) => status.replace(/_/g, " ");

const newest = () => [...orders.values()].sort((one, other) => other.at - one.at);

const drawOrders = (place: HTMLElement) => {
  const all = newest();
  place.className = "boxed";
  place.replaceChildren(
    all.length
      ? h("ul", { class: "lines" }, ...all.map((order) => h(
          "li", {},
          h("img", { src: picture(order.items[0]!.product_id, order.items[0]!.variant_id), alt: "", width: "64", height: "64" }),
          h("div", {}, h("a", { href: `/orders/${order.order_id}` }, `Order ${order.order_id}`),
            h("p", { class: "quiet" }, `${words(order.status)} · ${clock(order.at)}`)),
          h("span", { class: "sum" }, money(order.value)),
        )))
      : empty("You have not ordered yet."),
  ); // prettier-ignore
};

const drawOrder = (place: HTMLElement) => {
  const order = orders.get(place.dataset.order!);
  place.className = "boxed";
  if (!order) {
    place.replaceChildren(h("p", { class: "quiet" }, "Looking for it …"));
    return;
  }
  const known = WAY.includes(order.status);
  const steps = known ? WAY : [...WAY.slice(0, 1), order.status];
  place.replaceChildren(
    h("p", {}, "Thank you. It is on its way as far as this:"),
    h("ol", { class: "steps" }, ...steps.map((step) =>
      h("li", step === order.status ? { "aria-current": "step" } : {}, words(step)))),
    h("ul", { class: "lines" }, ...order.items.map((item) => h(
      "li", {},
      h("img", { src: picture(item.product_id, item.variant_id), alt: "", width: "64", height: "64" }),
      h("div", {}, h("a", { href: `/p/${item.product_id}` }, item.name), h("p", { class: "quiet" }, `${item.quantity} × ${money(item.price)}`)),
      h("span", { class: "sum" }, money(item.price * item.quantity)),
    ))),
    h("div", {}, total("Delivery", order.delivery_cost), total("In all", order.value, true)),
    h("p", { class: "row" }, h("a", { class: "button", href: "/counter" }, "Send it on, behind the counter")),
  ); // prettier-ignore
};

const drawInbox = async (place: HTMLElement) => {
  const messages = await nudge.inbox!.messages();
  place.className = "boxed";
  if (!messages?.length) {
    place.replaceChildren(empty(messages ? "Nothing was said to you yet." : "The shop does not answer."));
    return;
  }
  const fresh = messages.filter((message) => !message.read).map((message) => message.job_id);
  place.replaceChildren(
    fresh.length
      ? h("p", {}, h("button", { type: "button", onclick: () => void nudge.inbox!.read(...fresh) }, "Mark all as read"))
      : "",
    h("ul", { class: "letters" }, ...messages.map((message) => h(
      "li", { class: message.read ? "" : "new" },
      h("span", { class: "dot" }),
      h("h2", {}, h("button", { type: "button", onclick: () => void nudge.inbox!.open(message) }, message.title),
        !message.read && h("span", { class: "for-ears" }, " (unread)")),
      h("time", {}, clock(message.at)),
      h("p", {}, message.body),
      h("p", { class: "quiet" }, message.channel === "onsite" ? "on the page" : "by push"),
    ))),
  ); // prettier-ignore
};

const drawCounts = () => {
  const count = (name: string, number: number) => {
    const place = $(`[data-count=${name}]`)!;
    place.textContent = String(number);
    place.hidden = !number;
  };
  count("cart", cart.get().reduce((all, line) => all + line.quantity, 0));
  count("saved", saved.get().length);
};

const drawUnread = async () => {
  const unread = ((await nudge.inbox!.messages()) ?? []).filter((message) => !message.read).length;
  const place = $("[data-count=unread]")!;
  place.textContent = String(unread);
  place.hidden = !unread;
};

/** Brings the page to life. */
export const start = (): void => {
  whenever(drawCounts);
  whenever(drawOffers);
  const found = (selector: string, draw: (place: HTMLElement) => unknown, by = whenever) => {
    const place = $(selector);
    if (place) by(() => void redraw(place, draw));
  };
  const view = $("[data-view]");
  if (view) product(view);
  found("#cart", drawCart);
  const paying = $("#checkout");
  if (paying) checkout(paying);
  found("#wishlist", drawSaved);
  found("#orders", drawOrders, onOrders);
  found("#order", drawOrder, onOrders);
  const inbox = (draw: () => void) => {
    nudge.inbox!.onchange(draw);
    draw();
  };
  found("#inbox", drawInbox, inbox);
  inbox(() => void drawUnread());
};

export type { Order };
