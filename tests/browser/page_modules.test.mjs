// The page's modules that need no page, by Node's own test runner; test_page_modules.py puts them side by side and
// starts it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Problem, readConfig, readSession } from "./api.js";
import { REJOIN, delay, sleep } from "./backoff.js";
import { loudness } from "./microphone.js";
import { STATES, isActive, next } from "./state.js";
import { delays, figures, pick } from "./stats.js";
import { curtain, notReadyText, pillText, skippedText } from "./texts.js";
import { Visit } from "./visit.js";

globalThis.CustomEvent ??= class extends Event {}; // Node 18 has none; nobody here reads its detail

const SERVER = { server_ms: { buffer: 24, chunk: 20, lookahead: 80, engine: 9, release: 7, total: 140 } };

function report(at, video = {}, audio = {}) {
  return [
    ["v", { type: "inbound-rtp", kind: "video", timestamp: at, codecId: "c", ...video }],
    ["a", { type: "inbound-rtp", kind: "audio", timestamp: at, ...audio }],
    ["p", { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.012 }],
    ["q", { type: "candidate-pair", nominated: false, state: "waiting", currentRoundTripTime: 9 }],
    ["c", { type: "codec", mimeType: "video/VP8" }],
  ];
}

/** A server that answers when it is told to. told: what it was asked to do; answer(status): answers the oldest. */
function slowServer() {
  const told = [];
  const open = [];
  globalThis.fetch = (url, { body }) => {
    told.push(JSON.parse(body));
    return new Promise((resolve) => open.push((status) => resolve(new Response("{}", { status }))));
  };
  return { told, answer: (status = 200) => open.shift()(status) };
}

function speaking() {
  const visit = new Visit({ openMicrophone: () => assert.fail("it has a microphone") });
  visit.microphone = { track: { enabled: true }, close() {} };
  visit.session = { url: "/api/sessions/1" };
  return visit;
}

const settled = () => new Promise((resolve) => { setTimeout(resolve); });

test("a visit goes from idle to live and through a loss back to live", () => {
  const events = ["join", "granted", "connected", "lost", "connected", "leave"];
  const passed = [];
  events.reduce((state, event) => (passed.push(next(state, event)), passed.at(-1)), "idle");
  assert.deepEqual(passed, ["requesting-mic", "connecting", "live", "reconnecting", "live", "ended"]);
});

test("an event that a state does not know is refused by name", () => {
  assert.throws(() => next("idle", "connected"), /"connected" in state "idle"/);
});

test("every state leads on to another, and every active one can be left", () => {
  for (const state of STATES.filter(isActive)) assert.ok(STATES.includes(next(state, "leave")));
  for (const state of ["ended", "failed"]) assert.equal(next(state, "back"), "idle");
});

test("delays grow to the cap, and half of each is chance", () => {
  const longest = [0, 1, 2, 20].map((attempt) => delay(attempt, REJOIN, () => 1));
  assert.deepEqual(longest.map(Math.round), [400, 720, 1296, 8000]);
  assert.equal(delay(20, REJOIN, () => 0), 4000);
});

test("a sleep ends with its signal", async () => {
  const controller = new AbortController();
  const asleep = sleep(60_000, controller.signal);
  controller.abort(new Error("left"));
  await assert.rejects(asleep, /left/);
});

test("loudness is 0 in silence, 1 at full scale, and halfway at -30 dB", () => {
  assert.equal(loudness(new Float32Array(64)), 0);
  assert.equal(loudness(new Float32Array(64).fill(1)), 1);
  assert.ok(Math.abs(loudness(new Float32Array(64).fill(10 ** (-30 / 20))) - 0.5) < 1e-6);
});

test("rates and means are those of the last second, not of the whole call", () => {
  const then = pick(report(1000, { bytesReceived: 500_000, jitterBufferDelay: 90, jitterBufferEmittedCount: 100 }));
  const now = pick(report(2000, { bytesReceived: 550_000, jitterBufferDelay: 91, jitterBufferEmittedCount: 125 }));
  const shown = figures(now, then);
  assert.equal(shown.videoKbps, 400);
  assert.equal(shown.videoBufferMs, 40);
  assert.equal(shown.rttMs, 12);
  assert.equal(shown.codec, "VP8");
});

test("sound that plays ahead of the picture has a positive offset", () => {
  const now = pick(report(2000, { estimatedPlayoutTimestamp: 5000 }, { estimatedPlayoutTimestamp: 5018 }));
  assert.equal(figures(now, null).avOffsetMs, 18);
});

test("figures that nothing tells are null", () => {
  const shown = figures(pick([]), null);
  for (const name of ["fps", "rttMs", "videoKbps", "videoBufferMs", "avOffsetMs", "micToLipsMs", "packetsLost"]) {
    assert.equal(shown[name], null, name);
  }
});

test("microphone to lips is the sum of its stages", () => {
  const { stages, micToLipsMs } = delays({ server: SERVER, rttMs: 12, videoBufferMs: 30, decodeMs: 2 });
  assert.equal(micToLipsMs, 140 + 12 + 30 + 2);
  assert.equal(stages.reduce((sum, stage) => sum + stage.ms, 0), micToLipsMs);
});

test("a viewer, who has no server figures, is shown no such sum", () => {
  assert.equal(delays({ server: null, rttMs: 12, videoBufferMs: 30, decodeMs: 2 }).micToLipsMs, null);
});

test("a failure shows the server's own words and a way on", () => {
  const failure = { title: "All seats are taken", detail: "4 of 4 sessions are running." };
  const shown = curtain("failed", { isViewer: false, failure, waiting: null });
  assert.deepEqual(shown, { kind: "alert", ...failure, again: "Try again" });
});

test("nothing covers the live picture", () => {
  assert.equal(curtain("live", { isViewer: false, failure: null, waiting: null }), null);
});

test("the pill names muting and the viewers", () => {
  assert.equal(pillText("live", { muted: true }), "Live, muted");
  assert.equal(pillText("live", { viewers: 2 }), "Live, 2 watching");
});

test("a server that does not answer is not blamed on the visitor", () => {
  assert.match(notReadyText({ title: "x", detail: "y", status: 0 }), /does not answer/);
  assert.equal(notReadyText({ title: "Warming up", detail: "Loading.", status: 503 }), "Warming up. Loading.");
});

test("a visit begins unmuted, with a microphone that is on, even after one that ended muted", async () => {
  const visit = speaking();
  visit.session = null;
  await visit.setMuted(true);
  const microphone = { track: { enabled: true }, close() {} };
  await visit.setMicrophone(microphone);
  const visited = visit.join({});
  assert.deepEqual([visit.muted, microphone.track.enabled], [false, true]);
  visit.leave();
  await visited;
});

test("the server is told of one wish at a time, and the last one last", async () => {
  const server = slowServer();
  const visit = speaking();
  const wishes = [true, false, true, false].map((muted) => visit.setMuted(muted));
  assert.deepEqual(server.told, [{ muted: true }]);
  server.answer();
  await settled();
  assert.deepEqual(server.told, [{ muted: true }, { muted: false }]);
  server.answer();
  await Promise.all(wishes);
  assert.deepEqual([visit.muted, server.told.length], [false, 2]);
});

test("an unmuting that fails is not shown as done, and nothing is heard", async () => {
  const server = slowServer();
  const visit = speaking();
  await Promise.all([visit.setMuted(true), server.answer()]);
  const unmuted = visit.setMuted(false);
  server.answer(500);
  await assert.rejects(unmuted, /refused/);
  assert.deepEqual([visit.muted, visit.microphone.track.enabled], [true, false]);
});

test("a wish that fails is passed over when a newer one has taken its place", async () => {
  const server = slowServer();
  const visit = speaking();
  const wishes = [visit.setMuted(true), visit.setMuted(false)];
  server.answer(503);
  await settled();
  server.answer();
  await Promise.all(wishes);
  assert.deepEqual([visit.muted, visit.microphone.track.enabled], [false, true]);
});

test("what the server says of muting does not matter after leaving", async () => {
  const server = slowServer();
  const visit = speaking();
  const muted = visit.setMuted(true);
  visit.session = null;
  server.answer(404);
  await muted;
});

test("the screen is kept on by one lock, however often that is asked", async () => {
  const locks = [];
  const request = async () => {
    locks.push(Object.assign(new EventTarget(), { release: () => { lock.isReleased = true; } }));
    const lock = locks.at(-1);
    return lock;
  };
  globalThis.document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  Object.defineProperty(globalThis, "navigator", { value: { wakeLock: { request } }, configurable: true });
  const { keepAwake } = await import("./wake_lock.js");
  keepAwake(true);
  keepAwake(true);
  await settled();
  assert.equal(locks.length, 1);
  keepAwake(false);
  assert.ok(locks.every((lock) => lock.isReleased));
});

test("a browser without AbortSignal.any and AbortSignal.timeout can talk to the server", async () => {
  const { any, timeout } = AbortSignal;
  AbortSignal.any = AbortSignal.timeout = undefined;
  globalThis.fetch = async () => new Response('{"ice_servers": []}');
  try {
    const config = await readConfig(new AbortController().signal);
    assert.deepEqual(config, { ice_servers: [] });
  } finally {
    Object.assign(AbortSignal, { any, timeout });
  }
});

test("a network error is told as the server's silence", async () => {
  globalThis.fetch = async () => { throw new TypeError("Failed to fetch"); };
  await assert.rejects(readConfig(), (error) => error instanceof Problem && error.status === 0);
});

test("a mistake of the page itself is not told as the server's silence", async () => {
  globalThis.fetch = async () => { throw new RangeError("ours"); };
  await assert.rejects(readConfig(), RangeError);
});

test("who leaves while the server thinks hears of leaving, not of a silent server", async () => {
  const leaving = new AbortController();
  globalThis.fetch = (_url, { signal }) => new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  const asked = readConfig(leaving.signal);
  leaving.abort(new Error("left"));
  await assert.rejects(asked, /left/);
});

test("why a session is over reaches the problem, and the speaker is told it", async () => {
  const body = { title: "This session is over", detail: "no audio for 120 s", reason: "idle" };
  const headers = { "Content-Type": "application/problem+json" };
  globalThis.fetch = async () => new Response(JSON.stringify(body), { status: 410, headers });
  const failure = await readSession("/api/sessions/1").catch((error) => error);
  assert.equal(failure.reason, "idle");
  const shown = curtain("ended", { isViewer: false, failure, waiting: null });
  assert.deepEqual(shown, {
    kind: "done", again: "Join again", title: "This session is over", detail: "No audio for 120 s.",
  });
});

test("presenters that could not be read are named, with where to look", () => {
  assert.equal(skippedText([]), "");
  assert.match(skippedText(["ada", "bob"]), /ada, bob.*log/);
});
