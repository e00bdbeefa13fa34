// The keyboard: one key, one action; typing into a field is left alone. Who dictates, or presses keys by accident,
// switches off the keys that are characters.

import { $ } from "./dom.js";
import * as prefs from "./prefs.js";

const TYPING = "select, textarea, input:not([type=range], [type=checkbox], [type=radio])";

/** actions: {KEY: function}; keys as KeyboardEvent.key in lower case, "shift+KEY" where Shift is needed. */
export function listen(actions) {
  show();
  $("shortcuts").addEventListener("change", () => {
    prefs.set("shortcuts", $("shortcuts").checked);
    show();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target instanceof Element && event.target.closest(TYPING)) return;
    const key = event.key.toLowerCase();
    if (key.length === 1 && !prefs.get("shortcuts")) return;
    const action = (event.shiftKey && actions[`shift+${key}`]) || actions[key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** The switch, and the keys that the controls tell: none while they do nothing. */
function show() {
  const isOn = prefs.get("shortcuts");
  $("shortcuts").checked = isOn;
  document.documentElement.dataset.shortcuts = isOn ? "on" : "off";
  for (const control of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-key]"))) {
    if (isOn) control.setAttribute("aria-keyshortcuts", control.dataset.key);
    else control.removeAttribute("aria-keyshortcuts");
  }
}
