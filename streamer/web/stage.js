// The stage: preview, live picture with sound, curtain, toast, volume and full screen.
// Knows nothing of calls; it is told what to show.

import { $, iconUrl, say } from "./dom.js";
import * as prefs from "./prefs.js";

const TOAST_MS = 3200;

export class Stage {
  #toast = null;
  #focused = "idle"; // the state that the focus was last moved for; where the page begins, it is left alone
  video = $("picture");

  constructor() {
    this.video.volume = prefs.get("volume");
    $("volume").value = Math.round(100 * prefs.get("volume"));
    $("volume").addEventListener("input", () => this.setVolume($("volume").value / 100));
    $("silence").addEventListener("click", () => this.#setSilent(!this.video.muted));
    $("start-sound").addEventListener("click", () => this.#startSound());
    $("fullscreen").addEventListener("click", () => this.toggleFullscreen());
    document.addEventListener("fullscreenchange", () => this.#showFullscreen());
    this.#showSound();
  }

  /** avatar: as /api/avatars describes it, or null where nobody knows whom (a viewer). */
  showPresenter(avatar) {
    $("preview").hidden = !avatar;
    $("name-plate").hidden = !avatar;
    if (!avatar) return;
    $("preview").src = avatar.preview;
    $("preview").alt = `${avatar.title}, computer-generated presenter`;
    say($("presenter-title"), avatar.title);
    say($("presenter-description"), avatar.description);
    $("badge").hidden = !avatar.ai_generated;
  }

  async play(stream) {
    this.video.srcObject = stream;
    this.#onFirstPicture(() => this.video.classList.add("seen"));
    try {
      await this.video.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return; // a newer stream took its place, or it was closed
      this.video.muted = true; // without a press, browsers allow pictures only
      $("start-sound").hidden = false;
      this.#showSound();
      await this.video.play();
    }
  }

  #onFirstPicture(show) {
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(show);
    else this.video.addEventListener("playing", show, { once: true });
  }

  /** Keeps the last picture while the next call is made: a closed call's video turns black. */
  hold() {
    const { videoWidth: width, videoHeight: height } = this.video;
    Object.assign($("still"), { width, height });
    if (width > 0) $("still").getContext("2d").drawImage(this.video, 0, 0);
    this.video.classList.remove("seen");
  }

  stop() {
    this.video.srcObject = null;
    this.video.classList.remove("seen");
    $("start-sound").hidden = true;
    $("toast").hidden = true;
    if (document.fullscreenElement) document.exitFullscreen();
  }

  setVolume(volume) {
    this.video.volume = volume;
    prefs.set("volume", volume);
    if (volume > 0) this.video.muted = false;
    this.#showSound();
  }

  #setSilent(isSilent) {
    if (!isSilent && this.video.volume === 0) this.setVolume(1);
    this.video.muted = isSilent;
    this.#showSound();
  }

  #startSound() {
    $("start-sound").hidden = true;
    this.#setSilent(false);
  }

  #showSound() {
    const isSilent = this.video.muted || this.video.volume === 0;
    $("silence").classList.toggle("off", isSilent);
    say($("silence-text"), isSilent ? "Sound on" : "Sound off");
    $("silence-icon").setAttribute("href", iconUrl(isSilent ? "volume-off" : "volume"));
    $("volume").value = isSilent ? 0 : Math.round(100 * this.video.volume);
    $("volume").style.setProperty("--filled", `${$("volume").value}%`);
    if (!this.video.muted) $("start-sound").hidden = true;
  }

  toggleFullscreen() {
    if (document.fullscreenElement) return document.exitFullscreen();
    if ($("scene").requestFullscreen) return $("scene").requestFullscreen();
    return this.video.webkitEnterFullscreen?.(); // iPhones show only the video itself
  }

  #showFullscreen() {
    const isFull = document.fullscreenElement !== null;
    $("fullscreen-icon").setAttribute("href", iconUrl(isFull ? "shrink" : "expand"));
    say($("fullscreen-text"), isFull ? "Leave full screen" : "Full screen");
  }

  /** what: as texts.curtain() gives it. */
  showCurtain(what) {
    $("curtain").hidden = !what;
    if (!what) return;
    $("curtain").dataset.kind = what.kind;
    if (what.kind !== "busy") $("curtain-icon").setAttribute("href", iconUrl(what.kind));
    say($("curtain-title"), what.title);
    say($("curtain-detail"), what.detail);
    $("again").hidden = !what.again;
    say($("again"), what.again ?? "");
    $("cancel").hidden = what.kind !== "busy";
  }

  /** Keyboard and screen reader follow what happens: to the choices, the way on, or else the picture. */
  focus(state) {
    if (state === this.#focused) return;
    this.#focused = state;
    if (state === "idle") $("join-card").focus({ preventScroll: true });
    else if (state === "ended" || state === "failed") $("again").focus({ preventScroll: true });
    else if (state === "requesting-mic" || state === "connecting") $("stage").focus({ preventScroll: true });
  }

  toast(text) {
    clearTimeout(this.#toast);
    $("toast").hidden = false;
    say($("toast"), text);
    this.#toast = setTimeout(() => { $("toast").hidden = true; }, TOAST_MS);
  }
}
