// What the page says in each state. Pure: words only.

const PILL = {
  "idle": "Not joined",
  "requesting-mic": "Microphone…",
  "connecting": "Connecting…",
  "live": "Live",
  "reconnecting": "Reconnecting…",
  "ended": "Ended",
  "failed": "Failed",
};

export function pillText(state, { muted = false, viewers = 0, isViewer = false } = {}) {
  if (state !== "live") return PILL[state];
  if (muted) return "Live, muted";
  if (isViewer) return "Watching live";
  return viewers > 0 ? `Live, ${viewers} watching` : "Live";
}

/** What lies over the stage: {kind, title, detail, again}, or null when the picture should be seen. */
export function curtain(state, { isViewer, failure, waiting }) {
  switch (state) {
    case "requesting-mic":
      return { kind: "busy", title: "May we hear you?", detail: "Allow the microphone in your browser’s question." };
    case "connecting":
      return isViewer
        ? { kind: "busy", title: "Waiting for the presenter", detail: "Sound and picture start by themselves." }
        : { kind: "busy", title: "Connecting", detail: "Your presenter is taking their place." };
    case "reconnecting":
      return { kind: "busy", title: "Reconnecting", detail: waitingText(waiting) };
    case "ended":
      return { kind: "done", again: isViewer ? "Watch again" : "Join again", ...endedText(isViewer, failure) };
    case "failed":
      return { kind: "alert", title: failure.title, detail: sentence(failure.detail), again: "Try again" };
    default:
      return null;
  }
}

function endedText(isViewer, failure) {
  if (!isViewer && failure) return { title: failure.title, detail: sentence(failure.detail) };
  if (!isViewer) return { title: "You have left", detail: "The microphone is off and nothing is being sent." };
  if (!failure) return { title: "You stopped watching", detail: "The session may still be running." };
  return { title: "This session is over", detail: "The speaker has left. Ask them for a new link." };
}

function waitingText(waiting) {
  if (!waiting || waiting.attempt === 0) return "The connection broke. Coming back by itself.";
  const tries = `Attempt ${waiting.attempt + 1}`;
  const seconds = Math.ceil(waiting.ms / 1000);
  return seconds > 0 ? `${tries} in ${seconds} s. You need do nothing.` : `${tries}…`;
}

/** Why Join is off, from the problem that /readyz answered. */
export function notReadyText({ title, detail, status }) {
  if (status === 0) return "The server does not answer. Looking again every few seconds.";
  return detail ? `${sentence(title)} ${sentence(detail)}` : sentence(title);
}

/** Which presenters are missing, and where to look; "" if none is. */
export function skippedText(names) {
  if (names.length === 0) return "";
  return `Not shown, because damaged: ${names.join(", ")}. The server’s log says what is wrong.`;
}

/** A problem's detail as a sentence: "no such session" → "No such session." */
export function sentence(detail) {
  if (!detail) return "";
  const text = detail[0].toUpperCase() + detail.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export function levelText(isHeard, secondsSilent) {
  if (isHeard) return "We hear you.";
  return secondsSilent > 4 ? "Nothing heard yet. Is this the right microphone?" : "Say something to test it.";
}
