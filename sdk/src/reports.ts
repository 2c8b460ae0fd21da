/** What became of a push, on its way to the gateway: written down first, sent until answered. */

import { ask, passing } from "./gateway";
import { alone, drop, peek, unable } from "./store";

/** Sends what waits. Answers whether nothing is left. */
export const sendReports = (): Promise<boolean> =>
  alone("reports", async () => {
    for (;;) {
      const [first] = await peek<object>("reports", 1);
      if (!first) return true;
      const { status } = await ask("/v1/interactions", first[1]);
      if (passing(status)) return false;
      // Taken, or refused for good.
      await drop("reports", first[0]);
    }
  }).catch(unable);
