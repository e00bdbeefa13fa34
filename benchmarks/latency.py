"""How late are lips and voice at the viewer, and how far apart?

    python -m benchmarks.latency --seconds 20 --json out.json [--browser] [--loss 0.02] [--sessions 2]

Starts the real server unless `--url` names one, and drives it from outside: by an aiortc client, which shows what
the server and the wire cost, or with --browser by headless Chromium on the real join page, which shows what a person
gets: microphone and received sound are measured in the page's audio graph, pictures when the compositor shows them.

What is measured
  mic → lips      a vowel begins at the microphone → a picture with visibly opened lips is shown
  mic → audio     the same vowel is heard
  mic → frame     a piece of audio at the microphone → the frame that belongs to it (every frame, no response of
                  the lips in it)
  A/V offset      mic → frame less mic → audio; positive: the picture is later than its sound
  interrupt       a request to stop → lips closed and sound gone at the viewer
With --browser the instruments are first calibrated on a connection of the browser with itself.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import browser
from benchmarks.measuring.audio_signal import TestAudio, make_test_audio, write_wav
from benchmarks.measuring.browser import ViewerTraces
from benchmarks.measuring.client import Client, joined
from benchmarks.measuring.relay import Loss, Relay
from benchmarks.measuring.report import publish, surroundings
from benchmarks.measuring.summary import SETTLE_S, summarise
from benchmarks.measuring.traces import Trace
from engines.loader import SHIPPED, Presenters
from scripts.tools.mouth_box import Box, mouth_box
from scripts.tools.server_process import Server, running
from streamer.config import EngineConfig

INTERRUPT_EVERY_S = browser.INTERRUPT_EVERY_MS / 1000


def main() -> int:
    options = argument_parser().parse_args()
    presenters = Presenters(Path(options.presenters) if options.presenters else SHIPPED)
    avatar = presenters.load(options.avatar or next(iter(presenters.all)))
    audio = make_test_audio(options.seconds + 120)
    with running(options.url, server_arguments(options)) as server:
        seen, cost = asyncio.run(measure(server, options, audio, mouth_box(avatar), avatar.name))
        result = summarise(seen, audio, options.lookahead_ms) | cost
    result["mode"] = "browser" if options.browser else "aiortc"
    result["lookahead_ms"] = options.lookahead_ms
    result["engine"] = engine_label(options)
    result["seconds"], result["loss"], result["sessions"] = options.seconds, options.loss, options.sessions
    publish(result | surroundings(), table(result), options.json)
    return 0


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="benchmarks.latency", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--seconds", type=float, default=20, help="how long to measure, interruptions apart (default 20)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    parser.add_argument("--browser", action="store_true", help="drive headless Chromium instead of an aiortc client")
    parser.add_argument("--loss", type=float, default=0.0, metavar="SHARE", help="of media packets dropped, both ways")
    parser.add_argument("--sessions", type=int, default=1, help="run so many at once; the first is measured")
    parser.add_argument("--url", help="measure this server instead of starting one")
    parser.add_argument("--avatar", help="presenter (default: the first)")
    parser.add_argument("--presenters", help="folder of presenters (default: those that ship)")
    parser.add_argument("--lookahead-ms", type=int, default=80, help="of the engine (default 80)")
    add_engine_arguments(parser)
    return parser


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """What the server that is measured is to draw with: the defaults are its own."""
    usual = EngineConfig()
    parser.add_argument("--engine", default=usual.name, help=f"of the server (default {usual.name})")
    parser.add_argument("--backend", default=usual.backend, help=f"of its network (default {usual.backend})")
    parser.add_argument("--threads", type=int, default=usual.threads, help=f"of its network (default {usual.threads})")


def engine_label(options: argparse.Namespace) -> str:
    """What draws, for a result."""
    return f"{options.engine}, {options.backend}" if options.engine == "diffusion" else str(options.engine)


def server_arguments(options: argparse.Namespace) -> list[str]:
    """A configuration file for what the command line of the server does not say."""
    lines = [
        "[server]",
        f"max_sessions = {max(4, options.sessions)}",
        "[engine]",
        f'name = "{options.engine}"',
        f'backend = "{options.backend}"',
        f"threads = {options.threads}",
        f"lookahead_ms = {options.lookahead_ms}",
        *([f'presenters = "{options.presenters}"'] if options.presenters else []),
        "[log]",
        'level = "warning"',
    ]
    path = Path(tempfile.mkdtemp(prefix="lipcast-")) / "server.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ["--config", str(path)]


async def measure(
    server: Server, options: argparse.Namespace, audio: TestAudio, box: Box, avatar: str
) -> tuple[ViewerTraces, dict[str, Any]]:
    """Look at one session, with the others running beside it."""
    relay = Relay(Loss(options.loss)) if options.loss else None
    async with asyncio.TaskGroup() as tasks:
        beside = [tasks.create_task(another_session(server, audio, box, avatar)) for _ in range(options.sessions - 1)]
        memories: list[float | None] = []
        beside.append(tasks.create_task(sample_memory(server, memories)))
        await asyncio.sleep(1.0 if options.sessions > 1 else 0.0)
        cpu, began, memory = server.cpu_s(), time.monotonic(), server.memory_mb()
        try:
            if options.browser:
                seen, extra = await observe_with_browser(server, options.seconds, audio, box, relay)
            else:
                seen, extra = await observe_with_client(server, options.seconds, audio, box, avatar, relay)
        finally:
            for task in beside:
                task.cancel()
            if relay:
                relay.close()
    after, ended = server.cpu_s(), time.monotonic()
    if cpu is not None and after is not None:
        extra["cpu_seconds_per_session_minute"] = round((after - cpu) / (ended - began) * 60 / options.sessions, 2)
        extra["rss_mb"] = round(max(memory or 0.0, extra.pop("rss_mb") or 0.0), 1)
    return seen, extra | {"rss_by_minute_mb": memories}


async def sample_memory(server: Server, memories: list[float | None]) -> None:
    """Note the server's memory every minute, for what grows with time."""
    while True:
        await asyncio.sleep(60)
        memory = server.memory_mb()
        memories.append(memory and round(memory, 1))


async def another_session(server: Server, audio: TestAudio, box: Box, avatar: str) -> None:
    async with joined(Client(server.url, audio, box), avatar):
        await asyncio.Event().wait()


async def observe_with_browser(
    server: Server, seconds: float, audio: TestAudio, box: Box, relay: Relay | None
) -> tuple[ViewerTraces, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "microphone.wav"
        write_wav(audio, wav)
        async with browser.page(None) as opened:
            calibration = await browser.calibrate(opened, server.url)
        async with browser.page(wav) as opened:
            if relay:
                await browser.through_relay(opened, relay)
            seen = await browser.observe(opened, server.url, box, seconds + SETTLE_S, relay)
            session = server.get(await opened.evaluate("() => window.lipcast.session.url"))
            memory = server.memory_mb()
    extra = {
        "late_frames": session["late_frames"],
        "degraded_frames": session["degraded_frames"],
        "server_ms": session["server_ms"],
        "rss_mb": memory,
        "calibration": {
            "known_ms": calibration.known_ms,
            "measured_ms": calibration.measured_ms,
            "bias_ms": round(calibration.bias_ms, 1),
            "spread_ms": round(calibration.spread_ms, 1),
            "loopback_picture_ms": calibration.loopback_picture_ms,
            "loopback_sound_ms": calibration.loopback_sound_ms,
        },
    }
    return seen, extra


async def observe_with_client(
    server: Server, seconds: float, audio: TestAudio, box: Box, avatar: str, relay: Relay | None
) -> tuple[ViewerTraces, dict[str, Any]]:
    client = Client(server.url, audio, box, relay)
    async with joined(client, avatar):
        burst = await interrupt_or_lose(client, seconds + SETTLE_S, relay)
        session = client.request("GET", client.session, None)
        memory = server.memory_mb()
    told = {name: session[name] for name in ("late_frames", "degraded_frames", "server_ms")}
    return traces_of(client, audio, burst), told | {"rss_mb": memory}


def traces_of(client: Client, audio: TestAudio, burst: float | None) -> ViewerTraces:
    """What a client has noted. burst: when everything was lost for a while."""
    began = client.track.began or 0.0
    lips = np.asarray(client.lips)
    levels = np.asarray(client.audio.levels)
    place = np.arange(0, len(audio.samples), 120)
    spoken = np.sqrt(np.add.reduceat(audio.samples.astype(np.float64) ** 2, place) / 120)
    return ViewerTraces(
        lips=Trace(lips[:, 0], lips[:, 1]),
        numbers=Trace(lips[:, 0], browser.frame_numbers(np.asarray(client.timestamps))),
        microphone=Trace(began + place / 48_000, spoken).between(began, lips[-1, 0]),
        audio=Trace(levels[:, 0], levels[:, 1]),
        shown=[float(time) for time in lips[:, 0]],
        interrupts=client.interrupts,
        burst=burst,
        join_to_first_frame_s=client.join_to_first_frame_s,
        stats={},
    )


async def interrupt_or_lose(client: Client, seconds: float, relay: Relay | None) -> float | None:
    """Let the time pass: then interrupt, or lose everything for a while in the middle; when that began is returned."""
    if relay is None:
        await asyncio.sleep(seconds)
        for _ in range(browser.INTERRUPTS):
            await asyncio.sleep(INTERRUPT_EVERY_S)
            await client.interrupt()
        await asyncio.sleep(1.0)
        return None
    await asyncio.sleep(seconds / 2)
    burst = time.perf_counter()
    await relay.loss.burst()
    await asyncio.sleep(seconds / 2)
    return burst


def table(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    def spread(name: str) -> str:
        values = result[name]
        return f"{values['p50']} / {values['p95']} ms" if values["n"] else "not measured"

    return [
        ("what (p50 / p95)", "measured", "bar"),
        ("mic → lips", spread("mic_to_lips_ms"), "p95 ≤ 250 ms"),
        ("mic → audio", spread("mic_to_sound_ms"), ""),
        ("mic → frame", spread("mic_to_picture_ms"), ""),
        ("A/V offset, absolute", spread("av_offset_ms"), "p95 ≤ 40 ms"),
        ("join → first frame", f"{result['join_to_first_frame_ms']} ms", "≤ 500 ms"),
        ("interrupt → closed, silent", spread("interrupt_ms"), "≤ 150 ms"),
        *after_burst(result),
        ("frames a second", f"{result['fps']}", "25 ± 0.5"),
        ("longest gap", f"{result['longest_gap_ms']} ms", "≤ 120 ms"),
        ("late frames; degraded", f"{result['late_frames']}; {result['degraded_frames']}", "0"),
        *over_time(result),
        ("server", f"{result.get('cpu_seconds_per_session_minute', '–')} CPU s/min", "≤ 20"),
        ("memory", f"{result.get('rss_mb', '–')} MB", "≤ 500"),
    ]


def over_time(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What time alone changes: worth a row where there was enough of it."""
    lips, audio = result["drift_ms"]["lips"], result["drift_ms"]["sound"]
    memories = [memory for memory in result.get("rss_by_minute_mb", []) if memory is not None]
    rows = [] if lips is None or audio is None else [("drift of lips and of sound", f"{lips:+} / {audio:+} ms", "0")]
    offsets = result["av_offset_ms"]["by_minute"]
    if len(offsets) > 1:
        rows.append(("A/V offset by the minute", f"{min(offsets)} to {max(offsets)} ms", ""))
    return rows + (
        [("memory after the first minute → last", f"{memories[0]} → {memories[-1]} MB", "")] if memories else []
    )


def after_burst(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = result["sound_after_burst_ms"]
    if found is None:
        return []
    return [("mic → audio 5 s after a burst", f"{found['before']} → {found['after']} ms", "within 20 ms")]


if __name__ == "__main__":
    sys.exit(main())
