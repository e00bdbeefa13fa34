// Light or dark: as the system says until the visitor says otherwise.

import { $, say } from "./dom.js";
import * as prefs from "./prefs.js";

const system = matchMedia("(prefers-color-scheme: dark)");

function shown() {
  const chosen = prefs.get("theme");
  return chosen === "system" ? (system.matches ? "dark" : "light") : chosen;
}

function apply() {
  const theme = shown();
  document.documentElement.dataset.theme = theme;
  say($("theme-text"), theme === "dark" ? "Switch to light" : "Switch to dark");
}

export function start() {
  apply();
  system.addEventListener("change", apply);
  $("theme").addEventListener("click", () => {
    prefs.set("theme", shown() === "dark" ? "light" : "dark");
    apply();
  });
}
