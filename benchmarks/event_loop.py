"""How much of the event loop's time does one live session take, and where does it go?

    python -m benchmarks.event_loop --seconds 20 --json benchmarks/results/event_loop.json

Starts the real server and drives it with one client of another process. The first run reads the CPU time of the event
loop's thread. The second runs the same under cProfile, which slows everything down, so of it only the shares are used:
of the CPU time spent in each part of the code, less what a server without a session spent to start and stop.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pstats
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.latency import add_engine_arguments, engine_label, server_arguments
from benchmarks.measuring.audio_signal import TestAudio, make_test_audio
from benchmarks.measuring.counter import Counter
from benchmarks.measuring.report import publish, surroundings
from engines.loader import SHIPPED, Presenters
from scripts.tools.server_process import TICKS_PER_S, Server, free_port, running, wait_ready

SETTLE_S = 2.0
STOP_S = 20.0
# Parts of the code by what their paths contain, the first that fits.
PARTS = {
    "webrtc library": ("aiortc", "aioice", "pylibsrtp", "pyee", "cryptography", "OpenSSL"),
    "audio input": ("streamer/audio",),
    "session": ("streamer/session",),
    "output": ("streamer/output",),
    "scheduling": ("streamer/scheduling", "streamer/threads", "concurrent/futures"),
    "webrtc": ("streamer/webrtc",),
    "metrics": ("prometheus_client", "streamer/metrics"),
    "http": ("uvicorn", "starlette", "streamer/http", "streamer/server", "httptools"),
    "asyncio, uvloop": ("asyncio", "uvloop"),
}
OTHER = "other"


def main() -> int:
    options = arguments().parse_args()
    options.sessions = 1
    audio, words = make_test_audio(60), server_arguments(options)
    avatar = options.avatar or next(iter(Presenters(SHIPPED).all))
    with running(None, words) as server:
        loop_ms, process_ms = asyncio.run(measured(server, audio, avatar, options.seconds))
    parts = shares(words, audio, avatar, options.seconds)
    rows = [
        ("event loop of one session", f"{loop_ms:.0f} ms/s", "≤ 90 ms/s"),
        ("process", f"{process_ms:.0f} ms/s", ""),
    ]
    rows += [(f"  {name}", f"{share * loop_ms:.1f} ms/s", f"{share:.0%}") for name, share in parts.items()]
    result = {"loop_ms_per_s": round(loop_ms, 1), "process_ms_per_s": round(process_ms, 1), "seconds": options.seconds}
    result["parts_ms_per_s"] = {name: round(share * loop_ms, 2) for name, share in parts.items()}
    publish(result | {"engine": engine_label(options)} | surroundings(), rows, options.json)
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="benchmarks.event_loop", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=20, help="of each of the two runs (default 20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to a file")
    parser.add_argument("--avatar", help="presenter (default: the first)")
    parser.add_argument("--presenters", help="folder of presenters (default: those that ship)")
    parser.add_argument("--lookahead-ms", type=int, default=80, help="of the engine (default 80)")
    add_engine_arguments(parser)
    return parser


async def measured(server: Server, audio: TestAudio, avatar: str, seconds: float) -> tuple[float, float]:
    """CPU milliseconds a second of one session: of the event loop's thread, and of the whole process."""
    client = Counter(server.url, audio)
    await client.join(avatar)
    await asyncio.sleep(SETTLE_S)
    began, loop, process = time.perf_counter(), loop_cpu_s(server), server.cpu_s() or 0.0
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    loop, process = loop_cpu_s(server) - loop, (server.cpu_s() or 0.0) - process
    await client.leave()
    return 1000 * loop / took, 1000 * process / took


def loop_cpu_s(server: Server) -> float:
    """User and system time of the event loop's thread, which is the process's first."""
    fields = Path(f"/proc/{server.pid}/task/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def shares(words: list[str], audio: TestAudio, avatar: str, seconds: float) -> dict[str, float]:
    """What part of the loop's time for a session goes where; the largest first, together 1."""
    with tempfile.TemporaryDirectory() as folder:
        idle, busy = Path(folder) / "idle", Path(folder) / "busy"
        with profiled(idle, words):
            pass
        with profiled(busy, words) as server:
            asyncio.run(measured(server, audio, avatar, seconds))
        used = by_part(busy)
        used.subtract(by_part(idle))
    whole = sum(max(seconds, 0.0) for seconds in used.values())
    return {name: max(seconds, 0.0) / whole for name, seconds in used.most_common() if seconds > 0}


# By the CPU time of the thread, so that waiting for the network counts nothing.
PROFILE = """
import cProfile, sys, time
from lipcast.cli import main
profile = cProfile.Profile(time.thread_time)
try:
    profile.runcall(main, sys.argv[2:])
finally:
    profile.dump_stats(sys.argv[1])
"""


@contextmanager
def profiled(path: Path, words: list[str]) -> Iterator[Server]:
    """A server whose event loop is profiled; the profile is written as it stops.

    Raises:
        RuntimeError: it did not get ready.
    """
    port = free_port()
    command = [sys.executable, "-c", PROFILE, str(path), "serve", "--port", str(port), *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        server = Server(f"http://127.0.0.1:{port}", process.pid)
        wait_ready(server, process)
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # SIGTERM would end it before the profile is written
        process.communicate(timeout=STOP_S)


def by_part(path: Path) -> Tally[str]:
    """Seconds of a profile by part of the code; a builtin's belong to the Python functions that called it."""
    used: Tally[str] = Tally()
    profile = pstats.Stats(str(path))
    for (file, _, _), (_, _, own_s, _, callers) in vars(profile)["stats"].items():
        if file != "~":
            used[part_of(file)] += own_s
            continue
        for (caller, _, _), (_, _, caller_s, _) in callers.items():
            used[part_of(caller)] += caller_s
    return used


def part_of(file: str) -> str:
    path = file.replace(os.sep, "/")
    return next((part for part, marks in PARTS.items() if any(mark in path for mark in marks)), OTHER)


if __name__ == "__main__":
    sys.exit(main())
