"""Loads the engine and the presenters, and measures what a session costs here. Knows no network."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np

from engines.api import Avatar, Engine, Step
from lipcast.commands.doctor.finding import Finding, error, good, warning
from streamer.audio.synthetic_speech import synthetic_speech
from streamer.config import Config, EngineConfig
from streamer.output.video_encoder import VideoEncoder
from streamer.wiring import load_engine_of, presenters_of, worker_count

PART = "Engine"
FRAMES = 50  # two seconds of talking
WARM_UP_FRAMES = 10  # voice activity must be detected first, and the first calls of a runtime are slow
OVERHEAD = 1.6  # audio, encryption and packets, as a multiple of the time to encode a frame: measured on two cores
USABLE = 0.7  # of a processor: beyond it some frames are late or degraded; measured on two cores

Clock = Callable[[], float]  # monotonic seconds


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one frame, in ms: mean and 95th percentile of the engine, whose frames differ in cost; median of the VP8
    encoder."""

    engine_mean: float
    engine_p95: float
    encoder_p50: float

    def sessions(self, workers: int, processors: float, frame_ms: float) -> int:
        """An estimate: workers draw in parallel, one thread does all but video, and all share the processors."""
        rest = OVERHEAD * self.encoder_p50
        whole = self.engine_mean + self.encoder_p50 + rest
        busiest = max(self.engine_mean / workers, rest, whole / processors)
        return int(USABLE * frame_ms / busiest)


def load_avatar(config: Config, processors: float, clock: Clock) -> Iterator[Finding]:
    try:
        engine = load_engine_of(config.engine, worker_count(config.engine))
    except (LookupError, ValueError, OSError, ImportError, RuntimeError) as problem:
        yield error(
            PART,
            f"engine {config.engine.name!r}: {problem}",
            "change [engine] in the configuration",
        )
        return
    yield good(PART, f"engine {config.engine.name!r}, look-ahead {config.engine.lookahead_ms} ms")
    avatar = yield from presenters(config.engine)
    if avatar is not None:
        cost = measure(engine, avatar, config.video.start_bitrate, clock)
        yield from speed(cost, config, processors, 1000 / engine.timing.frame_rate, engine.output.usual_cost_ms)


def presenters(config: EngineConfig) -> Generator[Finding, None, Avatar | None]:
    """Load them all; returns the last that could be."""
    try:
        known = presenters_of(config)
    except ValueError as problem:
        yield error(PART, f"no presenters: {problem}", "correct engine.presenters, or install Lipcast again")
        return None
    avatar = None
    for name in known.all:
        try:
            avatar = known.load(name)
        except (ValueError, OSError) as problem:
            yield error(PART, f"presenter {name!r}: {problem}", "make the avatar again, or remove its folder")
        else:
            yield good(PART, f"presenter {name!r}, {avatar.width}×{avatar.height}")
    if config.presenter and config.presenter not in known.all:
        fix = f"set engine.presenter to one of: {', '.join(known.all)}"
        yield error(PART, f"the presenter offered first, {config.presenter!r}, does not exist", fix)
    return avatar


def speed(cost: Cost, config: Config, processors: float, budget: float, usual_ms: float) -> Iterator[Finding]:
    """budget: ms between two frames; usual_ms: what the engine declares that a frame costs."""
    margin_ms = 1000 * config.engine.margin_s(usual_ms)
    frame_cost = (
        f"a frame costs {cost.engine_mean:.1f} ms to draw (p95 {cost.engine_p95:.1f}) and {cost.encoder_p50:.1f} ms"
        f" to encode, of {budget:.0f} ms"
    )
    sessions = cost.sessions(worker_count(config.engine), processors, budget)
    wanted = config.server.max_sessions
    estimate = (
        f"about {sessions} sessions at once without a degraded frame, estimated for {processors:g} processors;"
        f" {wanted} are allowed"
    )
    if cost.engine_p95 > budget:
        yield error(PART, frame_cost, "this machine is too slow for live sessions; `lipcast render` still works")
    elif cost.engine_p95 + cost.encoder_p50 > margin_ms:
        margin = f"{margin_ms:g} ms"
        yield warning(PART, frame_cost, f"frames may be late: raise engine.margin_ms above {margin}")
    else:
        yield good(PART, frame_cost)
    if sessions < wanted:
        fix = (
            f"set server.max_sessions to {max(sessions, 1)}, or expect degraded or late frames when all slots are taken"
        )
        yield warning(PART, estimate, fix)
    else:
        yield good(PART, estimate)


def measure(engine: Engine, avatar: Avatar, bitrate: int, clock: Clock) -> Cost:
    """The cost of a frame while a presenter talks without a pause. clock: monotonic seconds."""
    stream, encoder = engine.open(avatar), VideoEncoder("video/VP8", avatar.width, avatar.height, 25)
    drawing, encoding = [], []
    for chunk in synthetic_speech(engine.timing.samples_per_frame, WARM_UP_FRAMES + FRAMES):
        started = clock()
        frame = engine.step([Step(stream, chunk)])[0]
        drawn = clock()
        encoder.encode(frame.rgb, chunk.index, bitrate, key_frame=chunk.index == 0)
        drawing.append(1000 * (drawn - started))
        encoding.append(1000 * (clock() - drawn))
    drawing, encoding = drawing[WARM_UP_FRAMES:], encoding[WARM_UP_FRAMES:]
    return Cost(float(np.mean(drawing)), float(np.percentile(drawing, 95)), float(np.median(encoding)))
