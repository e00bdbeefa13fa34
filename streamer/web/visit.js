// A visit: from Join (or a viewer link) through losses and rejoins until it ends or fails.
// Owns the state, the call and the microphone; knows nothing of the page's elements.

import * as api from "./api.js";
import { REJOIN, delay, sleep } from "./backoff.js";
import { Call, CallLost } from "./call.js";
import { next } from "./state.js";
import { sentence } from "./texts.js";

const UNKNOWN = 404; // the server knows no such session, or none that is running now
const GONE = 410; // the session is over; a speaker is told the reason

/** Ends that nobody should be rejoined after: the visitor sent nothing, or someone with the same link took over. */
const FINAL_REASONS = ["idle", "replaced"];

/**
 * Events: "state", "muted", "stream" (detail: MediaStream), "report" (detail: RTCStatsReport),
 * "waiting" (detail: {attempt, ms} before the next try of a rejoin).
 */
export class Visit extends EventTarget {
  #ending = null; // AbortController of the visit under way
  #openMicrophone;
  #telling = null; // while the server is being told that the speaker is muted, or no longer
  state = "idle";
  failure = null; // {title, detail} of the state "failed" or "ended"
  call = null;
  session = null; // {id, url, watch_url} of the speaker, {url} of a viewer
  microphone = null;
  isViewer = false;
  muted = false;
  iceServers = [];

  constructor({ openMicrophone }) {
    super();
    this.#openMicrophone = openMicrophone;
  }

  /** choice: {avatar, codec}. Resolves when the visit is over, however it ends. */
  async join(choice) {
    const signal = this.#begin("join", false);
    this.#mute(false); // a microphone handed over may still be muted from the visit before
    await this.#guard(signal, async () => {
      const microphone = this.microphone ?? await this.#openMicrophone();
      if (signal.aborted) return microphone.close(); // left while the browser was still asking
      this.microphone = microphone;
      this.#enter("granted");
      const post = (sdp) => api.openSession(sdp, choice.avatar, this.session?.id, signal);
      await this.#stay(choice, post, signal);
    });
  }

  async watch(watchId, choice) {
    const signal = this.#begin("watch", true);
    await this.#guard(signal, () => this.#stay(choice, (sdp) => api.openViewer(sdp, watchId, signal), signal));
  }

  leave() {
    this.#finish("leave", null);
  }

  /** Back from "ended" or "failed" to the choices. */
  back() {
    this.#enter("back");
  }

  /** Shown at once. The server is told one wish at a time, so that the last one told is the last one wished. */
  async setMuted(muted) {
    this.#mute(muted);
    this.#telling ??= this.#tellMuted().finally(() => { this.#telling = null; });
    await this.#telling;
  }

  async interrupt() {
    if (this.session) await api.interrupt(this.session.url);
  }

  /** Puts another microphone into the running call, or keeps it for the next one. */
  async setMicrophone(microphone) {
    this.microphone?.close();
    this.microphone = microphone;
    if (!microphone) return;
    microphone.track.enabled = !this.muted;
    await this.call?.audio.sender.replaceTrack(microphone.track);
  }

  #mute(muted) {
    this.muted = muted;
    if (this.microphone) this.microphone.track.enabled = !muted;
    this.#emit("muted");
  }

  async #tellMuted() {
    let session = null;
    let told = null;
    while (this.session && (session !== this.session || told !== this.muted)) {
      ({ session, muted: told } = this);
      try {
        await api.setMuted(session.url, told);
      } catch (error) {
        if (session !== this.session || told !== this.muted) continue; // only the newest wish counts
        this.#mute(true); // the server may still be muted; silent here, the page is right either way
        throw error;
      }
    }
  }

  #begin(event, isViewer) {
    this.isViewer = isViewer;
    this.#enter(event);
    this.#ending = new AbortController();
    return this.#ending.signal;
  }

  async #guard(signal, visit) {
    try {
      await visit();
    } catch (error) {
      if (signal.aborted) return; // left: #finish has tidied
      const isOver = isFinal(error) || this.isViewer && (error.status === UNKNOWN || error.status === GONE);
      this.#finish(isOver ? "over" : "fail", error);
      if (!error.title) throw error; // ours, not the world's: show it in the console too
    }
  }

  async #stay(choice, post, signal) {
    await this.#connect(choice, post, signal);
    for (;;) {
      this.#enter("connected");
      try {
        await aborting(this.call.lost, signal);
      } catch (error) {
        if (!(error instanceof CallLost)) throw error;
      }
      this.#enter("lost");
      if (!this.isViewer) await this.#throwIfOver(signal);
      await this.#rejoin(choice, post, signal);
    }
  }

  async #connect(choice, post, signal) {
    this.call?.close();
    const microphone = this.isViewer ? null : this.microphone;
    this.call = new Call({ iceServers: this.iceServers, codec: choice.codec, microphone });
    this.call.onstream = (stream) => this.#emit("stream", stream);
    this.call.onreport = (report, silent) => this.#inspect(report, silent);
    const keeping = async (sdp) => (this.session = await post(sdp)); // known even if connecting fails: to be ended
    await this.call.open(keeping, signal);
    if (this.muted && !this.isViewer) await api.setMuted(this.session.url, true);
  }

  /** The server hung up on purpose: say why, and do not come back uninvited. */
  async #throwIfOver(signal) {
    try {
      await api.readSession(this.session.url, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isFinal(error)) throw error;
    }
  }

  async #rejoin(choice, post, signal) {
    if (this.isViewer) this.#hangUp();
    else this.call.close(); // the session is kept: the server puts the new one in its place, under the same viewer link
    const lostAt = performance.now();
    let askedFor = 0; // the server's Retry-After, in ms
    for (let attempt = 0; ; attempt += 1) {
      const ms = Math.max(delay(attempt, REJOIN), askedFor);
      this.#emit("waiting", { attempt, ms });
      await sleep(ms, signal, "online");
      this.#emit("waiting", { attempt, ms: 0 });
      try {
        return await this.#connect(choice, post, signal);
      } catch (error) {
        signal.throwIfAborted();
        askedFor = error.retryAfter ?? 0;
        const waited = performance.now() - lostAt;
        if (this.isViewer && error.status === UNKNOWN && waited < REJOIN.missAfter) continue; // the speaker rejoins too
        if (!error.isPassing) throw error;
        if (waited > REJOIN.giveUpAfter) throw gaveUp(error);
      }
    }
  }

  /** Silence of a second may be a server that restarted: it says so at once, if it is asked. */
  async #inspect(report, silent) {
    this.#emit("report", report);
    if (silent !== 1 || this.isViewer || this.state !== "live") return;
    const { call, session } = this;
    try {
      await api.readSession(session.url);
    } catch (error) {
      if (error.status === UNKNOWN || error.status === GONE) call.drop("The server no longer knows this session.");
    }
  }

  #hangUp() {
    if (this.session) api.end(this.session.url);
    this.call?.close();
    this.session = null;
    this.call = null;
  }

  #finish(event, failure) {
    this.#ending?.abort();
    this.#hangUp();
    this.microphone?.close(); // the browser's recording light goes out with the call
    this.microphone = null;
    this.failure = failure && wordsOf(failure);
    this.#enter(event);
  }

  #enter(event) {
    this.state = next(this.state, event);
    if (event === "join" || event === "watch" || event === "back" || event === "leave") this.failure = null;
    this.#emit("state");
  }

  #emit(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function isFinal(error) {
  return error.status === GONE && FINAL_REASONS.includes(error.reason);
}

function wordsOf({ title = "Something went wrong", detail, message }) {
  return { title, detail: detail ?? message };
}

function gaveUp(last) {
  return new api.Problem({
    title: "The connection did not come back",
    detail: `Tried for a minute and a half. Last answer: ${last.title}. ${sentence(last.detail)}`,
    status: last.status,
  });
}

/** `promise`, or the signal's rejection, whichever is first. */
function aborting(promise, signal) {
  return Promise.race([promise, new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  })]);
}
