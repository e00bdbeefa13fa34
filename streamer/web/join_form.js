// The card before a call: the presenters, the options, and Join, which waits for the server.
// Knows nothing of calls; the microphone is microphone_field.js.

import { $, element, say } from "./dom.js";
import { receivableCodecs } from "./call.js";
import { isPossible } from "./microphone.js";
import * as prefs from "./prefs.js";
import { notReadyText, skippedText } from "./texts.js";

/** Events: "avatar" (the choice changed), "join". */
export class JoinForm extends EventTarget {
  #avatars = null; // null until the server has told them
  #problem; // why the server is not ready; null when it is; undefined until it has answered

  constructor() {
    super();
    $("join-card").addEventListener("submit", (event) => {
      event.preventDefault();
      if (!$("join").disabled) this.dispatchEvent(new Event("join"));
    });
    $("codec").addEventListener("change", () => prefs.set("codec", $("codec").value));
    this.#offerCodecs();
    this.#showReadiness();
  }

  get avatar() { return this.#avatars?.find((avatar) => avatar.name === prefs.get("avatar")) ?? null; }
  get choice() { return { avatar: this.avatar.name, codec: prefs.get("codec") }; }
  get knowsAvatars() { return this.#avatars !== null; }

  /** skipped: names of presenters whose files are damaged. */
  setAvatars(avatars, skipped) {
    this.#avatars = avatars;
    say($("skipped"), skippedText(skipped));
    $("skipped").hidden = skipped.length === 0;
    if (!this.avatar) prefs.set("avatar", avatars[0]?.name ?? null);
    $("cards").replaceChildren(...avatars.map((avatar) => this.#card(avatar)));
    this.dispatchEvent(new Event("avatar"));
    this.#showReadiness();
  }

  /** problem: null when the server is ready. */
  setReadiness(problem) {
    this.#problem = problem;
    this.#showReadiness();
  }

  #offerCodecs() {
    const codecs = receivableCodecs();
    $("codec").append(...codecs.map((mimeType) => new Option(mimeType.split("/")[1], mimeType)));
    if (!codecs.includes(prefs.get("codec"))) prefs.set("codec", "");
    $("codec").value = prefs.get("codec");
  }

  #card(avatar) {
    const radio = element("input", { type: "radio", name: "avatar", value: avatar.name, className: "unseen" });
    radio.checked = avatar.name === prefs.get("avatar");
    radio.addEventListener("change", () => {
      prefs.set("avatar", avatar.name);
      this.dispatchEvent(new Event("avatar"));
    });
    const picture = element("img", { src: avatar.preview, alt: "", width: 96, height: 96 });
    const name = element("span", { className: "card-name" }, avatar.title);
    const properties = { className: "card", title: avatar.description, "data-testid": `presenter-${avatar.name}` };
    return element("label", properties, radio, picture, name);
  }

  #showReadiness() {
    const notice = this.#whyNot();
    $("join").disabled = this.#problem === undefined || !this.knowsAvatars || notice !== "";
    say($("join"), this.#problem ? "Getting ready…" : "Join");
    $("notice").hidden = notice === "";
    say($("notice"), notice);
  }

  /** Why Join is off, or "" when it is on. */
  #whyNot() {
    if (this.#problem) return notReadyText(this.#problem);
    if (!isPossible()) return "Joining needs a microphone, which this page may not use (see above).";
    if (this.knowsAvatars && !this.avatar) return "The server has no presenters. Add one with “lipcast avatar”.";
    return "";
  }
}
