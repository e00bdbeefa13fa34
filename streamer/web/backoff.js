// How long to wait before trying again: exponential with jitter and a cap.
// Knows nothing of what is being tried; `sleep` is the only function here that reads a clock.

/**
 * Waits of a rejoining call, in ms: quick at first (a restarted server is back within seconds).
 * A viewer whose speaker is not there waits for them too, but not as long.
 */
export const REJOIN = Object.freeze({ first: 400, factor: 1.8, cap: 8000, giveUpAfter: 90_000, missAfter: 30_000 });

/** Waits between two looks at /readyz, in ms. */
export const READINESS = Object.freeze({ first: 500, factor: 1.6, cap: 5000, giveUpAfter: Infinity });

/**
 * Milliseconds before attempt number `attempt` (0, 1, …). The upper half is random, so that the
 * visitors of a restarted server do not all come back in the same instant.
 */
export function delay(attempt, { first, factor, cap }, random = Math.random) {
  const ceiling = Math.min(cap, first * factor ** attempt);
  return ceiling * (0.5 + 0.5 * random());
}

/** Resolves after `ms`, or at once when `early` fires on `window`; rejects when `signal` aborts. */
export function sleep(ms, signal, early = null) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const finish = () => { tidy(); resolve(); };
    const abort = () => { tidy(); reject(signal.reason); };
    const timer = setTimeout(finish, ms);
    const tidy = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      if (early) window.removeEventListener(early, finish);
    };
    signal?.addEventListener("abort", abort);
    if (early) window.addEventListener(early, finish);
  });
}
