/** The demo shop's pages: what a shop's own script would do with `nudge.js`. */

import { put } from "../src/store";
import * as counter from "./counter";
import { $, h } from "./dom";
import * as pages from "./pages";
import { rebind } from "./reach";
import { askShop, config, identity } from "./shelves";
import * as story from "./story";

const ENGAGEMENT_MS = 4000;

/** A demo that was started anew knows nobody: neither does this browser. */
const beginAnew = async () => {
  if (localStorage.getItem("boot") === config.boot) return;
  localStorage.clear();
  localStorage.setItem("boot", config.boot);
  for (const name of ["visitor", "identity", "device", "wanted", "ended", "engaged", "shown"] as const) {
    await put(name, undefined);
  }
};

const drawWho = () => {
  const place = $("#who")!;
  const token = identity.get();
  if (token) {
    const out = async () => {
      identity.set("");
      await nudge.logout();
      await rebind();
      location.reload();
    };
    const { sub } = JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/")));
    place.replaceChildren(sub, h("button", { type: "button", onclick: () => void out() }, "Log out"));
    return;
  }
  const ask = () => {
    const name = h("input", { name: "name", "aria-label": "Your name", placeholder: "Your name", maxlength: "40", autocomplete: "off", required: true });
    const form = h("form", {}, name, h("button", { class: "primary" }, "Log in"));
    const enter = async () => {
      const answer = await askShop<{ identity: string }>("/demo/login", { name: name.value });
      identity.set(answer.identity);
      await nudge.login(answer.identity);
      await rebind();
      location.reload();
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      enter().catch((error: Error) => {
        name.setCustomValidity(error.message);
        name.reportValidity();
      });
    };
    name.oninput = () => name.setCustomValidity("");
    place.replaceChildren(form);
    name.focus();
  };
  place.replaceChildren(h("button", { type: "button", onclick: ask }, "Log in"));
};

const open = async () => {
  await beginAnew();
  const { key, away } = config;
  // Who is behind the counter, or has left, is no shopper: nothing is told from there.
  await nudge.init({
    gateway: location.origin, key, automatic: !away, engagementEvery: ENGAGEMENT_MS,
    ...(away && { inbox: false as const }),
  }); // prettier-ignore
  const token = identity.get();
  if (token) await nudge.login(token);
  drawWho();
  pages.start();
  counter.start();
  await rebind();
  await story.start();
};

/** For tests and the curious: done when the page is. */
Object.assign(globalThis, { ready: open() });
