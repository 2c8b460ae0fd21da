/** An onsite message as a card in the corner: for shops that do not show it themselves. */

import type { Message } from "./public";
import { dress } from "./style";

const STYLE = `
:host{all:initial}
section{position:fixed;z-index:2147483646;inset:auto var(--nudge-right,1rem) var(--nudge-bottom,1rem) 1rem;max-width:24rem;margin-left:auto;
box-sizing:border-box;padding:1rem 1.25rem;border-radius:.75rem;font:1rem/1.5 system-ui,sans-serif;
color:#1b1b1f;background:#fff;box-shadow:0 .5rem 2rem #0005;overflow-wrap:anywhere}
h2{margin:0 2.5rem .25rem 0;font-size:1.05rem}p{margin:0 0 .75rem}
img{display:block;max-width:100%;max-height:10rem;margin:0 auto .75rem;border-radius:.5rem}
div{display:flex;flex-wrap:wrap;gap:.5rem;justify-content:flex-end}
button{min-height:2.75rem;padding:0 1rem;border:1px solid currentColor;border-radius:.5rem;
font:inherit;color:inherit;background:none;cursor:pointer}
.go{color:#fff;background:#1b1b1f;border-color:#1b1b1f}
.close{position:absolute;inset:.5rem .5rem auto auto;width:2.75rem;padding:0;border:0}
button:focus-visible{outline:3px solid #4c8dff;outline-offset:2px}
@media(prefers-color-scheme:dark){section{color:#f3f3f6;background:#24242a}
.go{color:#1b1b1f;background:#f3f3f6;border-color:#f3f3f6}}`;

export interface Words {
  open: string;
  close: string;
}

/** Shows the message until it is answered, or the returned function takes it down. */
export const card = (
  message: Message,
  words: Words,
  answered: (action?: string) => void,
  dismissed: () => void,
): (() => void) => {
  const host = document.createElement("nudge-message");
  const root = host.attachShadow({ mode: "open" });
  const add = (parent: Node, name: string, text = "") => {
    const element = document.createElement(name);
    element.textContent = text;
    return parent.appendChild(element);
  };
  dress(root, STYLE);
  const section = add(root, "section");
  // Read out when there is time for it, without taking the focus from what the person does.
  section.setAttribute("role", "status");
  section.lang = message.locale;
  const title = add(section, "h2", message.title);
  if (message.image) {
    const image = add(section, "img") as HTMLImageElement;
    image.alt = "";
    image.onerror = () => image.remove();
    image.src = message.image;
    title.after(image);
  }
  add(section, "p", message.body);
  const buttons = add(section, "div");
  const button = (parent: Node, text: string, done: () => void) => {
    const made = add(parent, "button", text) as HTMLButtonElement;
    made.onclick = () => {
      host.remove();
      done();
    };
    return made;
  };
  for (const { action, title } of message.actions ?? []) {
    button(buttons, title, () => answered(action));
  }
  button(buttons, words.open, () => answered()).className = "go";
  const close = button(section, "✕", dismissed);
  close.className = "close";
  close.setAttribute("aria-label", words.close);
  section.onkeydown = (event) => {
    if (event.key === "Escape") close.click();
  };
  document.querySelectorAll("nudge-message").forEach((older) => older.remove());
  document.body.append(host);
  return () => host.remove();
};
