/** What the shop sells, as Kafka says it now, and what this browser has put aside. */

import { credentials } from "../src/gateway";
import { $ } from "./dom";

export interface Offer {
  price: number | null;
  quantity: number | null;
}
export interface Article {
  product_id: string;
  name: string;
  category: string;
  price: number;
  quantity: number;
  variants: { variant_id: string; name: string }[];
}
export interface Product {
  product_id: string;
  offers: Record<string, Offer>;
}
export interface Line {
  product_id: string;
  variant_id?: string;
  quantity: number;
}
interface Config {
  key: string;
  boot: string;
  away: boolean;
  articles: Article[];
  products: Product[];
  free_from: number;
  delivery: number;
}

export const config: Config = JSON.parse($("#config")!.textContent!);

const offers = new Map(config.products.map((each) => [each.product_id, each.offers]));
const listeners = new Set<() => void>();

/** Calls now and whenever shelves, cart or wishlist have changed. */
export const whenever = (draw: () => void): void => {
  listeners.add(draw);
  draw();
};
const changed = () => listeners.forEach((draw) => draw());

export const restock = (product: Product): void => {
  offers.set(product.product_id, product.offers);
  changed();
};

export const article = (id: string): Article | undefined =>
  config.articles.find((each) => each.product_id === id);

/** Price and pieces left of a variant; what its own offer does not know, the product's says. */
export const offer = (id: string, variant?: string): { price: number; left: number } => {
  const known = article(id);
  const all = offers.get(id);
  const own = variant ? all?.[variant] : undefined;
  const whole = all?.[""];
  return {
    price: own?.price ?? whole?.price ?? known?.price ?? 0,
    left: own?.quantity ?? whole?.quantity ?? (all ? 0 : (known?.quantity ?? 0)),
  };
};

export const nameOf = (id: string, variant?: string): string => {
  const known = article(id);
  const colour = known?.variants.find((each) => each.variant_id === variant)?.name;
  return (known?.name ?? id) + (colour ? ` (${colour})` : "");
};

export const picture = (id: string, variant?: string): string =>
  `/art/${id}${variant ? `.${variant}` : ""}.svg`;

const kept = <Value>(name: string, nothing: Value) => ({
  get: (): Value => JSON.parse(localStorage.getItem(name) ?? "null") ?? nothing,
  set: (value: Value): void => {
    localStorage.setItem(name, JSON.stringify(value));
    changed();
  },
});
export const cart = kept<Line[]>("cart", []);
export const saved = kept<string[]>("saved", []);
export const identity = kept<string>("identity", "");

addEventListener("storage", changed);

export const sameLine = (one: Line, id: string, variant?: string): boolean =>
  one.product_id === id && (one.variant_id ?? "") === (variant ?? "");

export const sum = (): number =>
  cart.get().reduce((all, line) => all + offer(line.product_id, line.variant_id).price * line.quantity, 0);

/** Asks the demo shop's own server. */
export const askShop = async <Answer>(path: string, body: object = {}): Promise<Answer> => {
  const headers = await credentials();
  const response = await fetch(path, {
    method: "POST",
    body: JSON.stringify(body),
    ...(headers && { headers }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message ?? "The shop does not answer.");
  return answer;
};
