// One peer connection from offer to hang-up: the speaker's (microphone out, presenter in) or a viewer's.
// Knows nothing of reconnecting, which is visit.js, nor of the page.

import { Problem } from "./api.js";
import { sleep } from "./backoff.js";

const GATHER_MS = 1000; // host candidates are there within milliseconds; a dead STUN server must not hold us
const HOSTS_MS = 30; // from the first host candidate to the last
const CONNECT_MS = 12_000;
const GRACE_MS = 2000; // "disconnected" often recovers by itself
const TICK_MS = 1000;
const SILENT_TICKS = 3; // the server sends 25 pictures a second even in silence: no packet for 3 s is a loss

/** Why a call stopped: `reason` is for people. */
export class CallLost extends Error {}

export class Call {
  #ending = new AbortController();
  #lose;
  #stream = null;

  constructor({ iceServers, codec = "", microphone = null }) {
    this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.report = null; // the newest RTCStatsReport
    this.onstream = (/** @type {MediaStream} */ _stream) => {};
    this.onreport = (/** @type {RTCStatsReport} */ _report, /** @type {number} */ _silent) => {};
    this.lost = new Promise((_, reject) => { this.#lose = reject; });
    this.lost.catch(() => {}); // nobody may be listening yet; whoever awaits it later still gets it
    this.#addAudio(microphone);
    this.#addVideo(codec);
    this.pc.addEventListener("track", (event) => this.#take(event));
  }

  #addAudio(microphone) {
    this.audio = microphone
      ? this.pc.addTransceiver(microphone.track, { direction: "sendrecv", streams: [microphone.stream] })
      : this.pc.addTransceiver("audio", { direction: "recvonly" });
    playAtOnce(this.audio.receiver);
  }

  #addVideo(codec) {
    this.video = this.pc.addTransceiver("video", { direction: "recvonly" });
    playAtOnce(this.video.receiver);
    if (codec) this.video.setCodecPreferences(preferring(codec));
  }

  #take(event) {
    const stream = event.streams[0] ?? new MediaStream([event.track]);
    if (stream.id === this.#stream?.id) return;
    this.#stream = stream;
    this.onstream(stream);
  }

  /** Negotiates by `post(sdp)`, which answers as the server does, and waits for the connection. */
  async open(post, signal) {
    await this.pc.setLocalDescription(await this.pc.createOffer());
    await this.#gathered(signal);
    this.answer = await post(this.pc.localDescription.sdp);
    await this.pc.setRemoteDescription({ type: "answer", sdp: this.answer.sdp });
    await this.#connected(signal);
    this.#watchConnection();
    this.#watchMedia();
    return this.answer;
  }

  async #gathered(signal) {
    const complete = until(this.pc, "icegatheringstatechange", () => this.pc.iceGatheringState === "complete");
    await Promise.race([complete, this.#hostsGathered(), sleep(GATHER_MS, signal)]);
    signal.throwIfAborted();
  }

  /** Without ICE servers only the host candidates come, all at once; browsers say "complete" 100 ms later. */
  async #hostsGathered() {
    if (this.pc.getConfiguration().iceServers.length > 0) return new Promise(() => {});
    await new Promise((resolve) => {
      this.pc.addEventListener("icecandidate", (event) => event.candidate && resolve());
    });
    await sleep(HOSTS_MS);
  }

  async #connected(signal) {
    const settled = until(this.pc, "connectionstatechange",
      () => ["connected", "failed", "closed"].includes(this.pc.connectionState));
    await Promise.race([settled, sleep(CONNECT_MS, signal)]);
    signal.throwIfAborted();
    if (this.pc.connectionState === "connected") return;
    throw new Problem({
      title: "No media connection",
      detail: "The server answered, but sound and picture found no way through. "
        + "A firewall or VPN may block UDP; on another network, the server needs a TURN server in its configuration.",
    });
  }

  #watchConnection() {
    const { signal } = this.#ending;
    const { transport } = this.video.receiver;
    transport.addEventListener("statechange", () => {
      if (transport.state === "closed") this.#lose(new CallLost("The server hung up.")); // sooner than ICE notices
    }, { signal });
    this.pc.addEventListener("connectionstatechange", async () => {
      const state = this.pc.connectionState;
      if (state === "failed" || state === "closed") return this.#lose(new CallLost("The connection broke."));
      if (state !== "disconnected") return;
      await sleep(GRACE_MS);
      if (this.pc.connectionState === "disconnected") this.#lose(new CallLost("The connection broke."));
    }, { signal });
  }

  async #watchMedia() {
    const { signal } = this.#ending;
    let packets = -1;
    let silent = 0;
    while (!signal.aborted) {
      this.report = await this.pc.getStats();
      if (signal.aborted) return;
      const received = packetsOf(this.report);
      silent = received === packets ? silent + 1 : 0;
      packets = received;
      this.onreport(this.report, silent);
      if (silent >= SILENT_TICKS) return this.#lose(new CallLost("Nothing has arrived for three seconds."));
      await sleep(TICK_MS);
    }
  }

  /** Ends the wait of whoever awaits `lost`: the server has said that the session is no more. */
  drop(reason) {
    this.#lose(new CallLost(reason));
  }

  close() {
    this.#ending.abort();
    this.pc.close();
  }
}

/** A live conversation wants the newest sound and picture, not the smoothest. */
function playAtOnce(receiver) {
  if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
  else if ("playoutDelayHint" in receiver) receiver.playoutDelayHint = 0;
}

/** The browser's video codecs with `mimeType` first (and its helpers, such as rtx, kept). */
function preferring(mimeType) {
  const { codecs } = RTCRtpReceiver.getCapabilities("video");
  const isWanted = (codec) => codec.mimeType.toLowerCase() === mimeType.toLowerCase();
  return [...codecs.filter(isWanted), ...codecs.filter((codec) => !isWanted(codec))];
}

/** The video codecs that this browser can receive and that the server speaks. */
export function receivableCodecs() {
  const known = new Set((RTCRtpReceiver.getCapabilities("video")?.codecs ?? []).map((codec) => codec.mimeType));
  return ["video/H264", "video/VP8"].filter((mimeType) => known.has(mimeType));
}

function packetsOf(report) {
  let packets = 0;
  for (const entry of report.values()) {
    if (entry.type === "inbound-rtp" && entry.kind === "video") packets += entry.packetsReceived;
  }
  return packets;
}

function until(target, eventName, holds) {
  return new Promise((resolve) => {
    const look = () => {
      if (!holds()) return;
      target.removeEventListener(eventName, look);
      resolve();
    };
    target.addEventListener(eventName, look);
    look();
  });
}
