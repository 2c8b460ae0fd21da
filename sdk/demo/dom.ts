/** Elements, money and times: what every part of the demo shop's pages needs. */

type Child = Node | string | undefined | false | null;
type Attributes = Record<string, string | boolean | EventListener | undefined>;

/** An element with its attributes (`onclick` is listened for) and children. */
export const h = <Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (typeof value === "string") element.setAttribute(key, value);
  }
  element.append(...children.filter((child): child is Node | string => !!child));
  return element;
};

export const $ = <Kind extends HTMLElement>(selector: string, within: ParentNode = document) =>
  within.querySelector<Kind>(selector);

export const $$ = <Kind extends HTMLElement>(selector: string, within: ParentNode = document) => [
  ...within.querySelectorAll<Kind>(selector),
];

export const money = (minor: number): string =>
  new Intl.NumberFormat("en", { style: "currency", currency: "EUR" }).format(minor / 100);

export const clock = (at: number): string =>
  new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** `0:14`; `0:00` when it is over. */
export const countdown = (ms: number): string => {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
};

/** Says on the page what came of a click. */
export const done = (words: string, bad = false): void => {
  const place = $("[data-done]");
  if (!place) return;
  place.textContent = words;
  place.classList.toggle("bad", bad);
};

const nameOf = (each: Element | null) =>
  each?.getAttribute("aria-label") ?? each?.getAttribute("href") ?? each?.textContent;

/** Draws a place anew, and leaves the keyboard where it was in it. */
export const redraw = async (place: HTMLElement, draw: (place: HTMLElement) => unknown): Promise<void> => {
  const at = place.contains(document.activeElement) ? nameOf(document.activeElement) : undefined;
  await draw(place);
  if (!at || document.activeElement !== document.body) return;
  $$("a, button", place).find((each) => nameOf(each) === at)?.focus();
};
