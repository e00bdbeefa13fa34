// The states of a visit and the events that lead from one to the next.
// Knows nothing of networks, devices or the page: names in, a name out.

const TRANSITIONS = {
  "idle": { join: "requesting-mic", watch: "connecting" },
  "requesting-mic": { granted: "connecting", fail: "failed", leave: "idle" },
  "connecting": { connected: "live", fail: "failed", over: "ended", leave: "ended" },
  "live": { lost: "reconnecting", over: "ended", leave: "ended" },
  "reconnecting": { connected: "live", fail: "failed", over: "ended", leave: "ended" },
  "ended": { join: "requesting-mic", watch: "connecting", back: "idle" },
  "failed": { join: "requesting-mic", watch: "connecting", back: "idle" },
};

export const STATES = Object.freeze(Object.keys(TRANSITIONS));

/** The state after `event`; an event that the state does not know is a mistake of the caller. */
export function next(state, event) {
  const following = TRANSITIONS[state]?.[event];
  if (!following) throw new Error(`no event "${event}" in state "${state}"`);
  return following;
}

/** Whether a visit is under way: something is open that leaving has to close. */
export function isActive(state) {
  return "leave" in (TRANSITIONS[state] ?? {});
}
