// From two WebRTC statistics reports, a second apart, to the figures that people read.
// Pure: knows neither the peer connection nor the page. Every figure is null until it is known.

/** The entries of a report that the figures need. report: iterable of [id, entry], as RTCStatsReport is. */
export function pick(report) {
  const entries = new Map(report);
  const found = { video: null, audio: null, pair: null, codec: null, at: 0 };
  for (const entry of entries.values()) {
    if (entry.type === "inbound-rtp" && entry.kind === "video") found.video = entry;
    if (entry.type === "inbound-rtp" && entry.kind === "audio") found.audio = entry;
    if (entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded") found.pair = entry;
  }
  found.codec = entries.get(found.video?.codecId) ?? null;
  found.at = found.video?.timestamp ?? found.audio?.timestamp ?? 0;
  return found;
}

/** now, before: what pick() returns. server: the body of GET /api/sessions/ID, or null (a viewer has none). */
export function figures(now, before, server = null) {
  const { video, audio } = now;
  const seconds = before ? (now.at - before.at) / 1000 : 0;
  const rate = (kind, field) => perSecond(now[kind]?.[field], before?.[kind]?.[field], seconds);
  const mean = (kind, sum, count) => meanMs(now[kind], before?.[kind], sum, count);
  const rtt = inMs(now.pair?.currentRoundTripTime);
  const shown = {
    fps: video?.framesPerSecond ?? rate("video", "framesDecoded"),
    width: video?.frameWidth ?? null,
    height: video?.frameHeight ?? null,
    codec: now.codec?.mimeType?.split("/")[1] ?? null,
    videoKbps: kilobits(rate("video", "bytesReceived")),
    audioKbps: kilobits(rate("audio", "bytesReceived")),
    rttMs: rtt,
    videoBufferMs: mean("video", "jitterBufferDelay", "jitterBufferEmittedCount"),
    audioBufferMs: mean("audio", "jitterBufferDelay", "jitterBufferEmittedCount"),
    decodeMs: mean("video", "totalDecodeTime", "framesDecoded"),
    packetsLost: video || audio ? (video?.packetsLost ?? 0) + (audio?.packetsLost ?? 0) : null,
    freezes: video?.freezeCount ?? null,
    avOffsetMs: offset(audio?.estimatedPlayoutTimestamp, video?.estimatedPlayoutTimestamp),
    server,
  };
  return { ...shown, ...delays(shown) };
}

/**
 * The way from the microphone to the lips on this screen, as stages in order, and their sum.
 * An estimate: what capture, screen and loudspeaker add is not in any statistic.
 */
export function delays({ server, rttMs, videoBufferMs, decodeMs }) {
  if (!server || rttMs === null || videoBufferMs === null) return { stages: [], micToLipsMs: null };
  const { buffer, chunk, lookahead, engine, release, total } = server.server_ms;
  const stages = [
    { name: "Way there", ms: rttMs / 2 },
    { name: "Server buffer", ms: buffer },
    { name: "Chunk", ms: chunk },
    { name: "Look-ahead", ms: lookahead },
    { name: "Engine", ms: engine },
    { name: "Release", ms: release },
    { name: "Way back", ms: rttMs / 2 },
    { name: "Browser buffer", ms: videoBufferMs },
    { name: "Decode", ms: decodeMs ?? 0 },
  ].filter((stage) => Number.isFinite(stage.ms));
  return { stages, micToLipsMs: total + rttMs + videoBufferMs + (decodeMs ?? 0) };
}

function perSecond(now, before, seconds) {
  if (now === undefined || before === undefined || !(seconds > 0)) return null;
  return Math.max(0, now - before) / seconds;
}

/** The mean of a running sum (in s) over the events that were counted since `before`, in ms. */
function meanMs(now, before, sum, count) {
  if (now?.[count] === undefined) return null;
  const events = now[count] - (before?.[count] ?? 0);
  return events > 0 ? (1000 * (now[sum] - (before?.[sum] ?? 0))) / events : null;
}

/** Sound before picture is positive: the playing sound was captured later than the shown picture. */
function offset(audio, video) {
  return audio > 0 && video > 0 ? audio - video : null;
}

const inMs = (seconds) => (seconds === undefined ? null : 1000 * seconds);
const kilobits = (bytesPerSecond) => (bytesPerSecond === null ? null : (8 * bytesPerSecond) / 1000);
