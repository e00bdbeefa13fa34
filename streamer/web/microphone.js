// The microphone: devices, permission, the open stream and its level.
// Knows nothing of calls or of the page.

/** A microphone that cannot be had, in words that say how to fix it. */
export class MicrophoneFailure extends Error {
  constructor(title, detail) {
    super(title);
    this.name = "MicrophoneFailure";
    this.title = title;
    this.detail = detail;
  }
}

const INSECURE = ["This page may not use the microphone",
  "Browsers allow it only on https:// or http://localhost. Open Lipcast on the machine it runs on, "
  + "or serve it with a certificate."];

const FAILURES = {
  NotAllowedError: ["The microphone is blocked",
    "Allow it for this page (the icon beside the address), or in the system’s privacy settings, then try again."],
  NotFoundError: ["No microphone found", "Plug one in or switch it on; the list updates by itself."],
  OverconstrainedError: ["That microphone is not connected", "Plug it in, or choose another one from the list."],
  NotReadableError: ["The microphone does not start",
    "Another program may hold it. Close that program, or choose another microphone."],
};

function failureOf(error) {
  const known = FAILURES[error.name];
  return known ? new MicrophoneFailure(...known)
    : new MicrophoneFailure("The microphone does not start", `${error.name}: ${error.message}`);
}

/** Whether the browser lets this page ask for a microphone at all. */
export const isPossible = () => window.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
export const whyImpossible = () => new MicrophoneFailure(...INSECURE);

/** The audio inputs. Before permission is given, browsers list them without names. */
export async function list() {
  if (!isPossible()) return [];
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "audioinput" && device.deviceId !== "");
}

export function onDevicesChange(listener) {
  navigator.mediaDevices?.addEventListener("devicechange", listener);
}

/** Whether opening would ask nobody: then the level may show without a press. */
export async function isAllowed() {
  if (!isPossible()) return false;
  try {
    return (await navigator.permissions.query({ name: "microphone" })).state === "granted";
  } catch {
    return false; // this browser does not answer for microphones; the button asks instead
  }
}

export async function open({ deviceId = "", studio = false } = {}) {
  if (!isPossible()) throw whyImpossible();
  const audio = {
    channelCount: 1,
    echoCancellation: !studio,
    noiseSuppression: !studio,
    autoGainControl: !studio,
  };
  if (deviceId) audio.deviceId = { exact: deviceId };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw failureOf(error);
  }
  return new Microphone(stream);
}

/** An open microphone; `onended` is called when it is unplugged or its permission withdrawn. */
export class Microphone {
  #meter;

  constructor(stream) {
    this.stream = stream;
    this.track = stream.getAudioTracks()[0];
    this.track.contentHint = "speech";
    this.onended = () => {};
    this.track.addEventListener("ended", () => this.onended());
    this.#meter = new LevelMeter(stream);
  }

  get label() { return this.track.label; }
  get deviceId() { return this.track.getSettings().deviceId ?? ""; }

  /** Loudness now, 0 (silence) to 1 (full scale), on a scale that looks even to people. */
  level() { return this.#meter.read(); }

  close() {
    this.track.stop();
    this.#meter.close();
  }
}

const FLOOR_DB = -60; // a quiet room through an ordinary microphone
const WINDOW = 1024; // samples, about 20 ms

class LevelMeter {
  #context = new AudioContext({ latencyHint: "playback" });
  #samples = new Float32Array(WINDOW);
  #analyser;

  constructor(stream) {
    this.#analyser = new AnalyserNode(this.#context, { fftSize: WINDOW });
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
  }

  read() {
    if (this.#context.state === "suspended") this.#context.resume();
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return loudness(this.#samples);
  }

  close() { this.#context.close(); }
}

/** samples: [-1, 1] → 0 at FLOOR_DB or less, 1 at full scale, linear in decibels. */
export function loudness(samples) {
  let power = 0;
  for (const sample of samples) power += sample * sample;
  const decibels = 10 * Math.log10(power / samples.length + 1e-12);
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB));
}
