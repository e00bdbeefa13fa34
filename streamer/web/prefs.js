// The visitor's choices, kept between visits in this browser.
// Knows nothing of what the choices mean.

const KEY = "lipcast";
const DEFAULTS = Object.freeze({
  avatar: null,
  microphone: "",
  studio: false,
  codec: "",
  shortcuts: true,
  volume: 1,
  theme: "system",
});

function stored() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // storage is off (private window) or its text is not ours: begin with the defaults
  }
}

const choices = { ...DEFAULTS, ...stored() };

export const get = (name) => choices[name];

export function set(name, value) {
  if (!(name in DEFAULTS)) throw new Error(`no preference "${name}"`);
  choices[name] = value;
  try {
    localStorage.setItem(KEY, JSON.stringify(choices));
  } catch {
    // Storage is off or full: the choice holds for this visit only.
  }
}
