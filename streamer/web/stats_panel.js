// The panel of figures: microphone to lips with its stages, then picture, network, buffers and server.
// Knows nothing of where the figures come from.

import { $, element, icon, say, svg } from "./dom.js";

const HISTORY = 60; // readings, one a second
const WIDTH = 320; // of the curve, in its own units
const HEIGHT = 56;

const whole = (value, unit) => (value === null || value === undefined ? "–" : `${Math.round(value)} ${unit}`);
const tenth = (value, unit) => (value === null || value === undefined ? "–" : `${value.toFixed(1)} ${unit}`);

/**
 * id → [label, figures → text]; the ids are the data-testids "stat-…".
 * @type {Record<string, Record<string, [string, (figures: any) => string | number]>>}
 */
const GROUPS = {
  "Video": {
    "fps": ["Frame rate", (f) => tenth(f.fps, "fps")],
    "size": ["Size and codec", (f) => (f.width ? `${f.width} × ${f.height} ${f.codec ?? ""}` : "–")],
    "bitrate": ["Bit rate", (f) => whole(f.videoKbps, "kbit/s")],
    "decode": ["Decoding", (f) => tenth(f.decodeMs, "ms")],
    "freezes": ["Freezes", (f) => f.freezes ?? "–"],
  },
  "Audio and sync": {
    "av-offset": ["Audio against video", (f) => offsetText(f.avOffsetMs)],
    "audio-buffer": ["Audio buffer", (f) => whole(f.audioBufferMs, "ms")],
    "video-buffer": ["Video buffer", (f) => whole(f.videoBufferMs, "ms")],
    "audio-bitrate": ["Bit rate", (f) => whole(f.audioKbps, "kbit/s")],
  },
  "Network": {
    "rtt": ["Round trip", (f) => tenth(f.rttMs, "ms")],
    "lost": ["Packets lost", (f) => f.packetsLost ?? "–"],
  },
  "Server": {
    "server": ["Microphone to frame", (f) => tenth(f.server?.server_ms.total, "ms")],
    "frames": ["Frames, of these late", (f) => (f.server ? `${f.server.frames}, ${f.server.late_frames}` : "–")],
    "degraded": ["Degraded frames", (f) => f.server?.degraded_frames ?? "–"],
    "jitter": ["Microphone buffer", (f) => whole(f.server?.jitter_buffer_ms, "ms")],
    "concealed": ["Audio concealed", (f) => whole(f.server?.concealed_ms, "ms")],
    "voice": ["Voice", (f) => (f.server ? (f.server.voiced ? "speaking" : "silent") : "–")],
    "viewers": ["Viewers", (f) => f.server?.viewers ?? "–"],
  },
};

export function offsetText(ms) {
  if (ms === null) return "–";
  const size = Math.round(Math.abs(ms));
  if (size === 0) return "0 ms";
  return `${size} ms ${ms > 0 ? "early" : "late"}`;
}

export class StatsPanel {
  #cells = {};
  #history = [];
  #total = element("strong", { className: "stats-total", "data-testid": "stat-mic-to-lips" }, "–");
  #curve = svg("polyline", { class: "curve", fill: "none" });
  #bar = element("div", { className: "stages", role: "img", "aria-label": "Where the time goes" });
  #legend = element("ol", { className: "legend" });
  onclose = () => {};

  constructor() {
    const labels = { "data-testid": "stats-close", "aria-label": "Close figures" };
    const close = element("button", { type: "button", className: "round quiet", ...labels }, icon("close"));
    close.addEventListener("click", () => this.onclose());
    const space = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" };
    const plot = svg("svg", { class: "plot", "aria-hidden": "true", ...space }, this.#curve);
    $("stats").append(
      element("div", { className: "stats-head" }, element("h2", {}, "Figures"), close),
      element("div", { className: "stats-hero speaker-only" },
        element("p", { className: "soft small" }, "Microphone to lips, estimated"),
        this.#total, plot, this.#bar, this.#legend),
      ...Object.entries(GROUPS).map(([title, rows]) => this.#group(title, rows)),
    );
  }

  get isOpen() { return !$("stats").hidden; }

  toggle(isOpen = !this.isOpen) {
    $("stats").hidden = !isOpen;
    $("stats-toggle").setAttribute("aria-expanded", String(isOpen));
    document.documentElement.classList.toggle("stats-open", isOpen);
  }

  clear() {
    this.#history = [];
    this.#curve.setAttribute("points", "");
  }

  show(figures) {
    for (const rows of Object.values(GROUPS)) {
      for (const [id, [, text]] of Object.entries(rows)) say(this.#cells[id], String(text(figures)));
    }
    say(this.#total, whole(figures.micToLipsMs, "ms"));
    if (figures.micToLipsMs === null) return;
    this.#history = [...this.#history, figures.micToLipsMs].slice(-HISTORY);
    this.#draw();
    this.#divide(figures.stages);
  }

  #group(title, rows) {
    const list = element("dl", { className: "rows" });
    for (const [id, [label]] of Object.entries(rows)) {
      this.#cells[id] = element("dd", { "data-testid": `stat-${id}` }, "–");
      list.append(element("div", {}, element("dt", {}, label), this.#cells[id]));
    }
    const own = title === "Server" ? "stats-group speaker-only" : "stats-group";
    return element("section", { className: own }, element("h3", {}, title), list);
  }

  #draw() {
    const top = Math.max(...this.#history, 200) * 1.1;
    const x = (i) => WIDTH - (this.#history.length - 1 - i) * (WIDTH / (HISTORY - 1));
    const y = (ms) => HEIGHT - (HEIGHT * ms) / top;
    const points = this.#history.map((ms, i) => `${x(i).toFixed(1)},${y(ms).toFixed(1)}`);
    this.#curve.setAttribute("points", points.join(" "));
  }

  #divide(stages) {
    if (this.#bar.childElementCount !== stages.length) this.#makeStages(stages);
    stages.forEach(({ ms }, i) => {
      this.#bar.children[i].style.flexGrow = Math.max(0, ms);
      say(this.#legend.children[i].lastElementChild, tenth(ms, "ms"));
    });
  }

  #makeStages(stages) {
    this.#bar.replaceChildren(...stages.map(() => element("span")));
    this.#legend.replaceChildren(...stages.map(({ name }) =>
      element("li", {}, element("i", { "aria-hidden": "true" }), element("span", {}, name), element("span"))));
  }
}
