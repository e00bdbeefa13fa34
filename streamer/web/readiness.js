// Asks the server whether it is ready, again and again until it is, and now and then afterwards.
// Knows nothing of the page.

import * as api from "./api.js";
import { READINESS, delay, sleep } from "./backoff.js";

const READY_LOOK_MS = 15_000; // a server that was ready may have been restarted since

/** Calls `tell(null)` when the server is ready and `tell(problem)` when not. Never returns until aborted. */
export async function follow(tell, signal) {
  for (let attempt = 0; ; ) {
    let wait = READY_LOOK_MS;
    try {
      await api.readReadiness(signal);
      attempt = 0;
      tell(null);
    } catch (error) {
      if (!(error instanceof api.Problem)) throw error;
      wait = delay(attempt, READINESS);
      attempt += 1;
      tell(error);
    }
    await sleep(wait, signal, "online");
  }
}
