// The page: joins its parts. What the visitor does goes to the visit; what the visit tells goes to the page.

import * as api from "./api.js";
import { READINESS, delay, sleep } from "./backoff.js";
import { $, iconUrl, say } from "./dom.js";
import { JoinForm } from "./join_form.js";
import { listen } from "./keys.js";
import * as microphones from "./microphone.js";
import { MicrophoneField } from "./microphone_field.js";
import * as prefs from "./prefs.js";
import { follow } from "./readiness.js";
import { Stage } from "./stage.js";
import { isActive } from "./state.js";
import { StatsFeed } from "./stats_feed.js";
import { StatsPanel } from "./stats_panel.js";
import { curtain, pillText, sentence } from "./texts.js";
import * as theme from "./theme.js";
import { Visit } from "./visit.js";
import { keepAwake } from "./wake_lock.js";

const RING_MS = 100;

const root = document.documentElement;
const watchId = location.pathname.match(/\/watch\/([^/]+)\/?$/)?.[1] ?? null;
const isViewer = watchId !== null;

const stage = new Stage();
const form = new JoinForm();
const field = new MicrophoneField();
const panel = new StatsPanel();
const feed = new StatsFeed(panel);
const visit = new Visit({ openMicrophone: () => microphones.open(field.wish) });
let viewers = 0;
let waiting = null; // {attempt, ms} while reconnecting

/** For tests and benchmarks: what is going on, to read and not to change. */
Object.assign(window, { lipcast: Object.freeze({
  get state() { return visit.state; },
  get pc() { return visit.call?.pc ?? null; },
  get session() { return visit.session; },
  get figures() { return feed.latest; },
  get videoElement() { return stage.video; },
}) });

function begin() {
  if (isViewer) return visit.watch(watchId, { codec: prefs.get("codec") });
  const microphone = field.handOver();
  if (microphone) visit.setMicrophone(microphone);
  return visit.join(form.choice);
}

function leave() {
  if (!isActive(visit.state)) return;
  visit.leave();
}

/** Runs a request of a control; what goes wrong is told in passing, the call goes on. */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof api.Problem)) throw error;
    stage.toast(`${error.title}. ${sentence(error.detail)}`);
  }
}

function toggleMute() {
  if (visit.state !== "live" || isViewer) return;
  attempt(() => visit.setMuted(!visit.muted));
}

function interrupt() {
  if (visit.state !== "live" || isViewer) return;
  attempt(async () => {
    await visit.interrupt();
    stage.toast("Stopped. Pause for a moment, then speak on.");
  });
}

async function share() {
  if (!visit.session?.watch_url) return;
  const link = new URL(visit.session.watch_url, location.href).href;
  try {
    await navigator.clipboard.writeText(link);
    stage.toast("Viewer link copied.");
  } catch {
    stage.toast(link); // the clipboard is refused: show the link, to be copied by hand
  }
}

function escape() {
  if (document.fullscreenElement) return; // the browser leaves full screen by itself
  if (panel.isOpen) panel.toggle(false); // and no more: a second press must not end the call
}

async function replaceMicrophone(unplugged) {
  try {
    const microphone = await microphones.open({ studio: field.wish.studio });
    if (visit.microphone !== unplugged) return microphone.close(); // the visitor has left meanwhile
    await visit.setMicrophone(microphone);
    stage.toast(`The microphone was unplugged. Now using: ${visit.microphone.label}`);
  } catch (error) {
    if (!(error instanceof microphones.MicrophoneFailure)) throw error;
    if (visit.microphone === unplugged) stage.toast(`The microphone was unplugged. ${error.detail}`);
  }
  watchMicrophone();
}

function watchMicrophone() {
  const { microphone } = visit;
  if (microphone) microphone.onended = () => replaceMicrophone(microphone);
}

function showState() {
  const { state, failure } = visit;
  root.dataset.state = state;
  if (state === "idle" && !isViewer) field.arrive();
  if (state === "live") watchMicrophone();
  else viewers = 0;
  if (state !== "reconnecting") waiting = null;
  else if (!waiting) stage.hold();
  if (state === "idle" || state === "ended" || state === "failed") stage.stop();
  if (!isActive(state)) { feed.clear(); panel.toggle(false); }
  $("join-card").hidden = isViewer || state !== "idle";
  $("bar").hidden = !isActive(state);
  $("back").hidden = isViewer || isActive(state);
  $("mute").disabled = $("interrupt").disabled = $("share").disabled = state !== "live";
  stage.showCurtain(curtain(state, { isViewer, failure, waiting }));
  showMuted();
  stage.focus(state);
  keepAwake(isActive(state));
  document.title = state === "live" ? "● Live · Lipcast" : "Lipcast";
}

function showPill() {
  $("pill").dataset.state = visit.state;
  say($("pill-text"), pillText(visit.state, { muted: visit.muted, viewers, isViewer }));
}

function showMuted() {
  $("mute").classList.toggle("off", visit.muted);
  $("mute-icon").setAttribute("href", iconUrl(visit.muted ? "microphone-off" : "microphone"));
  say($("mute-text"), visit.muted ? "Unmute" : "Mute");
  showPill();
}

function showVoice() {
  const level = visit.state === "live" && visit.microphone && !visit.muted ? visit.microphone.level() : 0;
  $("voice-ring").style.setProperty("--level", level.toFixed(2));
}

async function takeReport(report) {
  const server = await feed.take(report, isViewer ? null : visit.session?.url ?? null);
  viewers = server?.viewers ?? viewers;
  showPill();
}

/** The presenters and ICE servers, asked for until the server tells them. */
async function readCatalogue() {
  for (let tries = 0; ; tries += 1) {
    try {
      const [config, found] = await Promise.all([api.readConfig(), isViewer ? null : api.listAvatars()]);
      visit.iceServers = config.ice_servers;
      return isViewer ? undefined : form.setAvatars(found.avatars, found.skipped);
    } catch (error) {
      if (!(error instanceof api.Problem)) throw error;
      if (!isViewer) form.setReadiness(error);
    }
    await sleep(delay(tries, READINESS), null, "online");
  }
}

/** An event of the visit, by its detail. */
function on(name, listener) {
  visit.addEventListener(name, (event) => listener(/** @type {CustomEvent} */ (event).detail));
}

function wire() {
  form.addEventListener("join", begin);
  form.addEventListener("avatar", () => stage.showPresenter(form.avatar));
  on("state", showState);
  on("muted", showMuted);
  on("stream", (stream) => stage.play(stream));
  on("report", takeReport);
  on("waiting", (detail) => { waiting = detail; showState(); });
  for (const [id, action] of Object.entries({
    "again": begin, "back": () => visit.back(), "cancel": leave, "leave": leave,
    "mute": toggleMute, "interrupt": interrupt, "share": share,
    "stats-toggle": () => panel.toggle(),
  })) $(id).addEventListener("click", action);
  panel.onclose = () => panel.toggle(false);
  listen({
    "m": toggleMute, "s": interrupt, ".": interrupt, "c": share, "shift+l": leave, "escape": escape,
    "f": () => isActive(visit.state) && stage.toggleFullscreen(),
    "i": () => isActive(visit.state) && panel.toggle(),
  });
  addEventListener("pagehide", leave); // the request to end the session outlives the page
  setInterval(showVoice, RING_MS);
}

async function start() {
  root.dataset.mode = isViewer ? "viewer" : "speaker";
  theme.start();
  wire();
  if (isViewer) $("foot").append($("shortcuts-choice")); // a viewer has no card with options
  stage.showPresenter(null);
  showState();
  const catalogue = readCatalogue();
  if (isViewer) {
    await catalogue;
    return begin();
  }
  await Promise.all([catalogue, follow((problem) => form.setReadiness(problem))]);
}

start();
