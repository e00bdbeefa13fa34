"""How soon is pushed speech seen and heard, how soon is it gone after a cancel, and is any of it lost?

    python -m benchmarks.speech_socket --turns 40 --json benchmarks/results/speech_socket.json

Starts the real server unless `--url` names one, pushes speech through its socket and watches as an aiortc client, so it
shows what the server and the wire cost; a browser's buffers come on top.

What is measured
  live turn       the first pushed sample of a vowel → it is heard, and a frame with visibly opened lips has arrived;
                  the audio is pushed at the speed of speech
  ahead           the same where the whole turn is pushed at once
  cancel          a cancel is sent → lips closed and audio gone, for the later of the two
  burst           a minute pushed at ten times the speed of speech: blocks of 2.5 ms that are silent within it, and how
                  much the server's memory grows
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.latency import add_engine_arguments, engine_label, server_arguments
from benchmarks.measuring.audio_signal import RAMP_S, SAMPLE_RATE, VOWEL_S, TestAudio, vowel
from benchmarks.measuring.client import Client
from benchmarks.measuring.report import publish, surroundings
from benchmarks.measuring.traces import Trace, delays, fall_time, percentiles
from engines.loader import SHIPPED, Presenters
from lipcast.client import Client as SpeechClient
from lipcast.client import Presenter
from scripts.tools.mouth_box import Box, mouth_box
from scripts.tools.server_process import Server, running

PIECE_S = 0.02  # of audio pushed at once at the speed of speech
BETWEEN_S = 1.0  # turns, and up to half a frame more: they fall anywhere within a frame
CANCEL_AFTER_S = 0.45  # of the first sample: lips are open then, and a second of vowels is still to come
BURST_S, BURST_SPEED = 60.0, 10.0
TONE_HZ, TONE_LEVEL = 200.0, 0.3
SILENT = 0.02  # a block quieter than that is a gap in the tone
BARS = {"live": "≤ 250 ms", "ahead": "≤ 200 ms"}


class Viewer(Client):
    """Watches a session: notes lips and levels as they arrive."""

    def __init__(self, url: str, watch_url: str, box: Box) -> None:
        super().__init__(url, TestAudio(np.zeros(SAMPLE_RATE, np.float32), ()), box)
        self._watch_path = "/api" + watch_url.removeprefix(url)

    async def join(self, avatar: str) -> None:
        """As a viewer: the session has its avatar already."""
        await self._negotiate(self.connection.addTransceiver("audio", "recvonly"), self._watch_path, {})

    @property
    def lip_trace(self) -> Trace:
        lips = np.asarray(self.lips)
        return Trace(lips[:, 0], lips[:, 1])

    @property
    def level_trace(self) -> Trace:
        levels = np.asarray(self.audio.levels)
        return Trace(levels[:, 0], levels[:, 1])


def main() -> int:
    options = argument_parser().parse_args()
    presenters = Presenters(Path(options.presenters) if options.presenters else SHIPPED)
    avatar = presenters.load(options.avatar or next(iter(presenters.all)))
    options.sessions = 1
    with running(options.url, server_arguments(options)) as server:
        result = asyncio.run(measure(server, options, mouth_box(avatar), avatar.name))
    result |= {"engine": engine_label(options), "turns": options.turns}
    publish(result | surroundings(), table(result), options.json)
    return 0


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="benchmarks.speech_socket", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--turns", type=int, default=40, help="of each kind (default 40)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    parser.add_argument("--url", help="measure this server instead of starting one")
    parser.add_argument("--avatar", help="presenter (default: the first)")
    parser.add_argument("--presenters", help="folder of presenters (default: those that ship)")
    parser.add_argument("--lookahead-ms", type=int, default=80, help="of the engine (default 80)")
    parser.add_argument("--no-burst", action="store_true", help="leave out the minute at ten times the speed")
    add_engine_arguments(parser)
    return parser


async def measure(server: Server, options: argparse.Namespace, box: Box, avatar: str) -> dict[str, Any]:
    async with SpeechClient(server.url) as client, client.join(avatar) as presenter:
        viewer = Viewer(server.url, presenter.watch_url, box)
        await viewer.join(avatar)
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(viewer.watch())
            try:
                async with asyncio.timeout(20):
                    await viewer.first_frame.wait()
                await asyncio.sleep(BETWEEN_S)
                moments = {kind: await speak_turns(presenter, options.turns, kind == "live") for kind in BARS}
                cancels = await cancel_turns(presenter, options.turns)
                result: dict[str, Any] = {kind: onset_delays(viewer, events) for kind, events in moments.items()}
                result["cancel_ms"] = gone_after(viewer, cancels)
                result["burst"] = None if options.no_burst else await burst(server, presenter, viewer)
            finally:
                looking.cancel()
                await viewer.leave()
    return result


async def speak_turns(presenter: Presenter, count: int, live: bool) -> list[float]:
    """Say vowels; returns when the first sample of each was pushed."""
    moments = []
    for number in range(count):
        sound = as_pcm(vowel(105.0 + number % 30))
        async with presenter.turn(SAMPLE_RATE) as turn:
            moments.append(time.perf_counter())
            await (push_live(turn.push, sound, moments[-1]) if live else turn.push(sound))
        await turn.finished()
        await asyncio.sleep(BETWEEN_S + random.uniform(0, 0.04))
    return moments


async def push_live(push: Any, sound: bytes, began: float) -> None:
    """A piece is pushed when it would have been spoken."""
    size = round(PIECE_S * SAMPLE_RATE) * 2
    for number, place in enumerate(range(0, len(sound), size)):
        await asyncio.sleep(max(0.0, began + number * PIECE_S - time.perf_counter()))
        await push(sound[place : place + size])


async def cancel_turns(presenter: Presenter, count: int) -> list[float]:
    """Cut vowels short; returns when each was cancelled."""
    moments = []
    sound = as_pcm(np.tile(vowel(120.0), 3))
    for _ in range(count):
        async with presenter.turn(SAMPLE_RATE) as turn:
            await turn.push(sound)
            await asyncio.sleep(CANCEL_AFTER_S + random.uniform(0, 0.04))
            moments.append(time.perf_counter())
            await presenter.cancel(turn.name)
            await turn.finished()
        await asyncio.sleep(BETWEEN_S)
    return moments


def onset_delays(viewer: Viewer, events: list[float]) -> dict[str, Any]:
    """The vowel reaches half its level RAMP_S / 2 after its first sample: that is not the server's."""
    found = {}
    for name, trace in (("lips_ms", viewer.lip_trace), ("audio_ms", viewer.level_trace)):
        times = delays(trace, events, VOWEL_S)
        found[name] = percentiles([each - RAMP_S / 2 for each in times if each is not None])
    return found


def gone_after(viewer: Viewer, events: list[float]) -> dict[str, Any]:
    """For each cancel: until lips were closed and audio was gone."""
    gone = []
    lips, levels = viewer.lip_trace, viewer.level_trace
    low, high = (float(each) for each in np.percentile(lips.values, [5, 95]))
    for moment in events:
        closed = fall_time(lips, moment, low, high)
        silent = fall_time(levels, moment, 0.0, float(np.percentile(levels.values, 95)))
        if closed is not None and silent is not None:
            gone.append(max(closed, silent))
    return percentiles(gone)


async def burst(server: Server, presenter: Presenter, viewer: Viewer) -> dict[str, Any]:
    """A minute of a steady tone at ten times the speed of speech."""
    tone = TONE_LEVEL * np.sin(2 * np.pi * TONE_HZ * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    second, before = as_pcm(tone.astype(np.float32)), server.memory_mb()
    began = time.perf_counter()
    async with presenter.turn(SAMPLE_RATE) as turn:
        for number in range(round(BURST_S)):
            await asyncio.sleep(max(0.0, began + number / BURST_SPEED - time.perf_counter()))
            await turn.push(second)
    peak = server.memory_mb()
    finished = await turn.finished()
    await asyncio.sleep(BETWEEN_S)
    trace = viewer.level_trace.between(began, time.perf_counter())
    loud = np.flatnonzero(trace.values > SILENT)
    inside = trace.values[loud[0] : loud[-1]] if len(loud) else trace.values[:0]
    grown = None if before is None or peak is None else round(peak - before, 1)
    return {
        "played_ms": finished.played_ms,
        "heard_s": round(len(inside) * 0.0025, 2),
        "silent_blocks": int((inside <= SILENT).sum()),
        "grown_mb": grown,
    }


def as_pcm(samples: NDArray[np.float32]) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def table(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = []
    for kind, bar in BARS.items():
        for what in ("lips", "audio"):
            spread = result[kind][f"{what}_ms"]
            rows.append((f"{kind}: first sample → {what}, p95", f"{spread['p95']} ms", bar if what == "lips" else ""))
    rows.append(("cancel → closed and silent, p95", f"{result['cancel_ms']['p95']} ms", "≤ 150 ms"))
    if result["burst"] is not None:
        burst = result["burst"]
        rows.append(("a minute at 10×: played", f"{burst['played_ms']} ms", "60000 ms"))
        rows.append(("  gaps of 2.5 ms", str(burst["silent_blocks"]), "0"))
        rows.append(("  memory", f"+{burst['grown_mb']} MB", ""))
    return rows


if __name__ == "__main__":
    sys.exit(main())
