/** The service worker that takes pushes, among those that a shop may have. */

export const supported = () =>
  "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

const script = () => globalThis.nudge.options?.serviceWorker ?? "/nudge-sw.js";

/** Where it was registered before: the page's own may be another worker of the shop's. */
export const registered = async () =>
  supported()
    ? navigator.serviceWorker.getRegistration(script()).catch(() => undefined)
    : undefined;

/** Until its worker is active: without one no browser subscribes. */
const active = (found: ServiceWorkerRegistration) =>
  new Promise<void>((done, failed) => {
    const worker = (found.waiting ?? found.installing)!;
    worker.addEventListener("statechange", () => {
      if (found.active) done();
      else if (worker.state === "redundant") failed(new Error(`${script()} cannot be installed`));
    });
  });

export const registration = async () => {
  const found = await navigator.serviceWorker.register(script());
  if (!found.active) await active(found);
  return found;
};
