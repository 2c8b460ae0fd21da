/** Behind the counter: the visitor plays the shop. */

import { $, $$, done, h, money } from "./dom";
import { article, askShop, nameOf, offer, whenever } from "./shelves";
import { onOrders, orders } from "./story";

const set = async (words: string, body: object, path = "/demo/counter") => {
  try {
    await askShop(path, body);
    done(words);
  } catch (error) {
    done((error as Error).message, true);
  }
};

const setPrice = (id: string, price: number) =>
  set(`${nameOf(id)} costs ${money(price)} now.`, { product_id: id, price });

const setStock = (id: string, variant: string, quantity: number) =>
  set(`${quantity} × ${nameOf(id, variant)} on the shelf.`, {
    product_id: id, quantity, ...(variant && { variant_id: variant }),
  }); // prettier-ignore

const shelf = (place: HTMLElement) => {
  const id = place.dataset.product!;
  const form = $<HTMLFormElement>("[data-set=price]", place)!;
  const input = $<HTMLInputElement>("input", form)!;
  form.onsubmit = (event) => {
    event.preventDefault();
    const price = Math.round(Number(input.value.replace(",", ".")) * 100);
    if (price > 0) void setPrice(id, price);
    else done("A price is a number above nothing.", true);
  };
  $("[data-cheaper]", form)!.onclick = () => {
    void setPrice(id, Math.max(1, Math.round(offer(id).price * 0.008) * 100));
  };
  for (const stock of $$<HTMLFormElement>("[data-set=quantity]", place)) {
    const variant = stock.dataset.variant!;
    const field = $<HTMLInputElement>("input", stock)!;
    stock.onsubmit = (event) => {
      event.preventDefault();
      const quantity = Number(field.value);
      if (Number.isInteger(quantity) && quantity >= 0) void setStock(id, variant, quantity);
      else done("Stock is a whole number.", true);
    };
    for (const button of $$("[data-stock-to]", stock)) {
      button.onclick = () => void setStock(id, variant, Number(button.dataset.stockTo));
    }
    whenever(() => {
      if (document.activeElement !== field) field.value = String(offer(id, variant || undefined).left);
    });
  }
  whenever(() => {
    if (document.activeElement !== input) input.value = (offer(id).price / 100).toFixed(2);
  });
  const known = article(id)!;
  $("[data-cheaper]", form)!.setAttribute("aria-label", `20 % off ${known.name}`);
};

const drawOrders = (place: HTMLElement) => {
  if (place.contains(document.activeElement)) return;
  const states = $<HTMLTemplateElement>("#states")!;
  const all = [...orders.values()].sort((one, other) => other.at - one.at);
  place.replaceChildren(
    ...(all.length
      ? all.map((order) => {
          const select = h("select", { "aria-label": `State of order ${order.order_id}` });
          select.append(states.content.cloneNode(true));
          if (order.status === "confirmed") select.prepend(h("option", { value: "" }, "confirmed"));
          select.value = order.status === "confirmed" ? "" : order.status;
          // Not by its change: on a keyboard every state passed on the way would be said.
          const form = h("form", { class: "row" },
            h("a", { href: `/orders/${order.order_id}` }, `Order ${order.order_id}`), money(order.value), select,
            h("button", {}, "Set")); // prettier-ignore
          form.onsubmit = (event) => {
            event.preventDefault();
            const status = select.value;
            if (status) void set(`Order ${order.order_id}: ${status.replace(/_/g, " ")}.`,
              { order_id: order.order_id, status }, "/demo/orders/status"); // prettier-ignore
          };
          return form;
        })
      : [h("p", { class: "quiet" }, "None yet. Buy something first.")]),
  );
};

export const start = (): void => {
  const place = $("#counter-orders");
  if (!place) return;
  $$("[data-shelf]").forEach(shelf);
  onOrders(() => drawOrders(place));
};
