// The microphone in the join card: which one, may we, and does it hear anything.
// Owns the open microphone until it is handed to the visit; knows nothing of calls.

import { $, say } from "./dom.js";
import * as microphones from "./microphone.js";
import * as prefs from "./prefs.js";
import { levelText } from "./texts.js";

const LEVEL_MS = 66; // 15 looks a second: lively, and cheap
const HEARD = 0.25; // on the meter's scale: -45 dB
const HELD_MS = 1500; // "we hear you" stays through the pauses between words

export class MicrophoneField {
  #timer = null;
  #heardAt = 0;
  #hasHeard = false;
  #open = null;
  #turn = 0; // raised whenever what was asked of the browser before is no longer wanted

  constructor() {
    $("microphone").addEventListener("change", () => this.#choose("microphone", $("microphone").value));
    $("studio").addEventListener("change", () => this.#choose("studio", $("studio").checked));
    $("check-microphone").addEventListener("click", () => this.open());
    $("studio").checked = prefs.get("studio");
    microphones.onDevicesChange(() => this.#list());
  }

  get wish() { return { deviceId: prefs.get("microphone"), studio: prefs.get("studio") }; }

  /** Shows the level at once where that asks nobody. */
  async arrive() {
    const turn = this.#turn;
    await this.#list();
    const isAllowed = await microphones.isAllowed();
    if (turn !== this.#turn) return;
    if (!microphones.isPossible()) this.#fail(microphones.whyImpossible());
    else if (isAllowed) await this.open();
    else this.#show(false);
  }

  async open() {
    this.close();
    const turn = this.#turn;
    let microphone;
    try {
      microphone = await microphones.open(this.wish);
    } catch (error) {
      if (!(error instanceof microphones.MicrophoneFailure)) throw error;
      if (turn === this.#turn) this.#fail(error);
      return;
    }
    if (turn !== this.#turn) return microphone.close(); // meanwhile Join was pressed, or another one chosen
    this.#open = microphone;
    this.#open.onended = () => this.close();
    this.#show(true);
    await this.#list(); // with permission, the devices have names
  }

  close() {
    this.handOver()?.close();
  }

  /** Gives the open microphone (or null) to the caller, and stops showing its level. */
  handOver() {
    const microphone = this.#open;
    this.#open = null;
    this.#turn += 1;
    this.#show(false);
    return microphone;
  }

  async #choose(name, value) {
    prefs.set(name, value);
    if (this.#open || name === "microphone") await this.open();
  }

  async #list() {
    const devices = await microphones.list();
    const real = devices.filter(({ deviceId }) => deviceId !== "default" && deviceId !== "communications");
    const options = real.map(({ label, deviceId }, i) => new Option(label || `Microphone ${i + 1}`, deviceId));
    const wanted = prefs.get("microphone");
    const isAbsent = wanted !== "" && real.every(({ deviceId }) => deviceId !== wanted);
    if (isAbsent) options.push(new Option("Your last microphone (not connected)", wanted));
    $("microphone").replaceChildren(new Option("The system’s microphone", ""), ...options);
    $("microphone").value = wanted;
  }

  #show(isOpen) {
    clearInterval(this.#timer);
    $("level").classList.toggle("on", isOpen);
    $("check-microphone").hidden = isOpen || !microphones.isPossible();
    $("level-text").classList.remove("bad");
    this.#draw(0);
    if (!isOpen) return say($("level-text"), "Your level shows here.");
    this.#heardAt = performance.now();
    this.#hasHeard = false;
    this.#timer = setInterval(() => this.#look(), LEVEL_MS);
  }

  #look() {
    const level = this.#open.level();
    const now = performance.now();
    if (level > HEARD) [this.#heardAt, this.#hasHeard] = [now, true];
    this.#draw(level);
    const silentMs = now - this.#heardAt;
    say($("level-text"), levelText(this.#hasHeard && silentMs < HELD_MS, silentMs / 1000));
  }

  #draw(level) {
    $("level-fill").style.setProperty("--level", level.toFixed(3));
    $("level").setAttribute("aria-valuenow", Math.round(100 * level));
  }

  #fail({ title, detail }) {
    this.#show(false);
    $("level-text").classList.add("bad");
    say($("level-text"), `${title}. ${detail}`);
  }
}
