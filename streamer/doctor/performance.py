"""Loads the engine and the presenters, and measures what a session costs here. Knows no network."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np

from engines.api import Avatar, Chunk, Engine
from streamer.config import Config, EngineConfig
from streamer.doctor.finding import Finding, broken, care, good
from streamer.encode import VideoEncoder
from streamer.offline.wiring import load_named_engine
from streamer.wiring import presenters_of

PART = "Engine"
FRAMES = 50  # two seconds of talking
WARM_UP_FRAMES = 5  # the first calls of a runtime are slow
SYLLABLE_FRAMES = 6  # four syllables a second, as people speak
PICTURE_SHARE = 0.55  # of a session's cost, measured on two cores; the rest is sound, encryption and packets
USABLE = 0.8  # of a processor: a fuller one is late now and then

Clock = Callable[[], float]  # monotonic seconds


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one frame, in ms: median and 95th percentile of the engine, median of the VP8 encoder."""

    engine_p50: float
    engine_p95: float
    encoder_p50: float

    def sessions(self, processors: float, frame_ms: float) -> int:
        """An estimate. One thread draws for all sessions, another does all that is not pictures."""
        pictures = self.engine_p50 + self.encoder_p50
        whole = pictures / PICTURE_SHARE
        busiest_thread = max(self.engine_p50, whole - pictures, whole / processors)
        return int(USABLE * frame_ms / busiest_thread)


def cast(config: Config, processors: float, clock: Clock) -> Iterator[Finding]:
    try:
        engine = load_named_engine(config.engine)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        yield broken(PART, f"engine {config.engine.name!r}: {error}", "set engine.name to one that exists")
        return
    yield good(PART, f"engine {config.engine.name!r}, look-ahead {config.engine.lookahead_ms} ms")
    avatar = yield from presenters(config.engine)
    if avatar is not None:
        cost = measure(engine, avatar, config.video.start_bitrate, clock)
        yield from speed(cost, config, processors, 1000 / engine.timing.frame_rate)


def presenters(config: EngineConfig) -> Generator[Finding, None, Avatar | None]:
    """Load them all; returns the last that could be."""
    try:
        known = presenters_of(config)
    except ValueError as error:
        yield broken(PART, f"no presenters: {error}", "mend engine.presenters, or install Lipcast again")
        return None
    avatar = None
    for name in known.all:
        try:
            avatar = known.load(name)
        except (ValueError, OSError) as error:
            yield broken(PART, f"presenter {name!r}: {error}", "make the avatar again, or take its folder away")
        else:
            yield good(PART, f"presenter {name!r}, {avatar.width}×{avatar.height}")
    if config.presenter and config.presenter not in known.all:
        mend = f"set engine.presenter to one of: {', '.join(known.all)}"
        yield broken(PART, f"the presenter offered first, {config.presenter!r}, does not exist", mend)
    return avatar


def speed(cost: Cost, config: Config, processors: float, budget: float) -> Iterator[Finding]:
    """budget: ms between two frames."""
    said = (
        f"a frame costs {cost.engine_p50:.1f} ms to draw (p95 {cost.engine_p95:.1f}) and {cost.encoder_p50:.1f} ms"
        f" to encode, of {budget:.0f} ms"
    )
    sessions, wanted = cost.sessions(processors, budget), config.server.max_sessions
    estimate = f"about {sessions} sessions at once, estimated for {processors:g} processors; {wanted} are allowed"
    if cost.engine_p95 > budget:
        yield broken(PART, said, "this machine is too slow for live sessions; `lipcast render` still works")
    elif cost.engine_p95 + cost.encoder_p50 > 1000 * config.engine.margin_s:
        margin = f"{1000 * config.engine.margin_s:g} ms"
        yield care(PART, said, f"pictures may be late: raise engine.margin_ms above {margin}")
    else:
        yield good(PART, said)
    if sessions < wanted:
        mend = f"set server.max_sessions to {max(sessions, 1)}, or expect late pictures when all places are taken"
        yield care(PART, estimate, mend)
    else:
        yield good(PART, estimate)


def measure(engine: Engine, avatar: Avatar, bitrate: int, clock: Clock) -> Cost:
    """The cost of a presenter who talks without a pause."""
    stream, encoder = engine.open(avatar), VideoEncoder("video/VP8", avatar.width, avatar.height, 25)
    drawing, encoding = [], []
    for chunk in talking(engine.timing.samples_per_frame, WARM_UP_FRAMES + FRAMES):
        started = clock()
        frame = engine.step([(stream, chunk)])[0]
        drawn = clock()
        encoder.encode(frame.image, chunk.index, bitrate, key_frame=chunk.index == 0)
        drawing.append(1000 * (drawn - started))
        encoding.append(1000 * (clock() - drawn))
    p50, p95 = np.percentile(drawing[WARM_UP_FRAMES:], (50, 95))
    return Cost(float(p50), float(p95), float(np.median(encoding[WARM_UP_FRAMES:])))


def talking(samples: int, count: int) -> Iterator[Chunk]:
    """Low-pitched noise that swells and fades with each syllable: every frame moves the mouth."""
    rng = np.random.default_rng(0)
    for index in range(count):
        level = 0.15 + 0.1 * np.sin(2 * np.pi * index / SYLLABLE_FRAMES)
        noise = np.convolve(rng.normal(0, 1, samples + 15), np.full(16, 0.25), "valid")
        yield Chunk((level * noise).clip(-1, 1).astype(np.float32), index)
