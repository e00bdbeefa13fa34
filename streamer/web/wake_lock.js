// Keeps a phone's screen on while somebody speaks or watches.

let lock = null;
let asking = null; // the system's answer, while it is awaited
let isWanted = false;

async function take() {
  if (!isWanted || lock || asking || document.visibilityState !== "visible" || !navigator.wakeLock) return;
  asking = navigator.wakeLock.request("screen");
  try {
    lock = await asking;
  } catch {
    return; // the battery is low or the system refuses: the screen may sleep, the call goes on
  } finally {
    asking = null;
  }
  lock.addEventListener("release", () => { lock = null; });
  if (!isWanted) lock.release();
}

/** The system takes the lock away from a hidden page; it is taken again when the page shows. */
export function keepAwake(wanted) {
  isWanted = wanted;
  if (wanted) take();
  else lock?.release();
}

document.addEventListener("visibilitychange", take);
