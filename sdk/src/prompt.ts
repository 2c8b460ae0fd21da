/** The soft prompt: our own question before the browser's, which is asked only once. */

import type { PromptText } from "./public";
import { dress } from "./style";

const STYLE = `
:host{all:initial}
section{position:fixed;z-index:2147483647;inset:auto var(--nudge-right,1rem) var(--nudge-bottom,1rem) 1rem;max-width:24rem;margin-left:auto;
box-sizing:border-box;padding:1rem 1.25rem;border-radius:.75rem;font:1rem/1.5 system-ui,sans-serif;
color:#1b1b1f;background:#fff;box-shadow:0 .5rem 2rem #0005}
h2{margin:0 0 .25rem;font-size:1.05rem}p{margin:0 0 1rem}
div{display:flex;flex-wrap:wrap;gap:.5rem;justify-content:flex-end}
button{min-height:2.75rem;padding:0 1rem;border:1px solid currentColor;border-radius:.5rem;
font:inherit;color:inherit;background:none;cursor:pointer}
button:last-child{color:#fff;background:#1b1b1f}
button:focus-visible,section:focus-visible{outline:3px solid #4c8dff;outline-offset:2px}
@media(prefers-color-scheme:dark){section{color:#f3f3f6;background:#24242a}
button:last-child{color:#1b1b1f;background:#f3f3f6}}`;

/**
 * Asks, and calls `accepted` inside the click: browsers ask only from a gesture.
 *
 * Answers `undefined` where the person declined (button or Escape).
 */
export const ask = <T>(text: PromptText, accepted: () => Promise<T>): Promise<T | undefined> =>
  new Promise((done) => {
    const host = document.createElement("nudge-prompt");
    const root = host.attachShadow({ mode: "open" });
    const add = (parent: Node, name: string, words = "") => {
      const element = document.createElement(name);
      element.textContent = words;
      return parent.appendChild(element);
    };
    dress(root, STYLE);
    const section = add(root, "section");
    section.setAttribute("role", "dialog");
    section.setAttribute("aria-labelledby", "title");
    section.setAttribute("aria-describedby", "body");
    section.tabIndex = -1;
    add(section, "h2", text.title).id = "title";
    add(section, "p", text.body).id = "body";
    const buttons = add(section, "div");
    const decline = add(buttons, "button", text.decline);
    const accept = add(buttons, "button", text.accept);
    const before = document.activeElement as HTMLElement | null;
    const close = (answer: Promise<T> | undefined) => {
      const inside = root.activeElement;
      host.remove();
      if (inside) before?.focus?.({ preventScroll: true });
      done(answer);
    };
    decline.onclick = () => close(undefined);
    accept.onclick = () => close(accepted());
    section.onkeydown = (event) => {
      if (event.key === "Escape") close(undefined);
    };
    document.body.append(host);
    // Else a screen reader says nothing of it, and Escape is not heard.
    section.focus({ preventScroll: true });
  });
