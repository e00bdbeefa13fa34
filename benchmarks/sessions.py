"""How many sessions fit, what does each cost, and does anything stay behind when they leave?

    python -m benchmarks.sessions --sessions 4 --seconds 60 --joins 200 --json out.json

Starts the real server and drives it with clients that decode nothing, so that the cost is the server's. First 1, 2, …
sessions at once for `--seconds` each; then `--joins` clients that join, receive one frame and leave, after which tasks,
threads, descriptors and memory are compared with those after a warm-up of 20.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.latency import add_engine_arguments, engine_label, server_arguments
from benchmarks.measuring.audio_signal import TestAudio, make_test_audio
from benchmarks.measuring.counter import Counter
from benchmarks.measuring.report import publish, surroundings
from engines.loader import SHIPPED, Presenters
from scripts.tools.server_process import Server, running

WARM_UP_JOINS = 20
AT_ONCE = 2  # clients that join and leave at the same time
SETTLE_S = 2.0
COUNTED = ("late_frames", "degraded_frames")


def main() -> int:
    options = argument_parser().parse_args()
    presenters = Presenters(Path(options.presenters) if options.presenters else SHIPPED)
    avatar = options.avatar or next(iter(presenters.all))
    audio = make_test_audio(60)
    with running(None, server_arguments(options)) as server:
        rows = [
            asyncio.run(together(server, count, options.seconds, audio, avatar))
            for count in range(options.first, options.sessions + 1)
        ]
        churn = asyncio.run(come_and_go(server, options.joins, audio, avatar)) if options.joins else {}
    result = {"together": rows, "churn": churn, "seconds": options.seconds, "lookahead_ms": options.lookahead_ms}
    result["engine"] = engine_label(options)
    publish(result | surroundings(), table(rows, churn), options.json)
    return 0


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="benchmarks.sessions", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--sessions", type=int, default=4, help="try 1 to so many at once (default 4)")
    parser.add_argument("--first", type=int, default=1, help="begin with so many at once (default 1)")
    parser.add_argument("--seconds", type=float, default=60, help="for each number of sessions (default 60)")
    parser.add_argument("--joins", type=int, default=200, help="clients that join and leave (default 200; 0: none)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    parser.add_argument("--avatar", help="presenter (default: the first)")
    parser.add_argument("--presenters", help="folder of presenters (default: those that ship)")
    parser.add_argument("--lookahead-ms", type=int, default=80, help="of the engine (default 80)")
    add_engine_arguments(parser)
    return parser


async def together(server: Server, count: int, seconds: float, audio: TestAudio, avatar: str) -> dict[str, Any]:
    """So many sessions at once for so long."""
    clients = [Counter(server.url, audio) for _ in range(count)]
    for client in clients:
        await client.join(avatar)
    await asyncio.sleep(SETTLE_S)
    began, cpu = time.perf_counter(), server.cpu_s() or 0.0
    before = counts(clients)
    await asyncio.sleep(seconds)
    ended, used = time.perf_counter(), (server.cpu_s() or 0.0) - cpu
    after = counts(clients)
    gaps = [np.diff([moment for moment in client.pictures.times if moment >= began]) for client in clients]
    row = {
        "sessions": count,
        "fps_least": round(min(1 / float(gap.mean()) for gap in gaps), 2),
        "longest_gap_ms": round(max(float(gap.max()) for gap in gaps) * 1000, 1),
        **{name: after[name] - before[name] for name in COUNTED},
        "cpu_seconds_per_session_minute": round(used / (ended - began) * 60 / count, 2),
        "rss_mb": round(server.memory_mb() or 0.0, 1),
    }
    for client in clients:
        await client.leave()
    return row


def counts(clients: list[Counter]) -> dict[str, int]:
    """All clients' frames that the server reports as late or degraded."""
    bodies = [client.request("GET", client.session, None) for client in clients]
    return {name: sum(body[name] for body in bodies) for name in COUNTED}


async def come_and_go(server: Server, joins: int, audio: TestAudio, avatar: str) -> dict[str, Any]:
    """Many short visits; what is left of them."""
    await visits(server, WARM_UP_JOINS, audio, avatar)
    before = await left_behind(server)
    await visits(server, joins, audio, avatar)
    after = await left_behind(server)
    return {"joins": joins, "before": before, "after": after}


async def visits(server: Server, count: int, audio: TestAudio, avatar: str) -> None:
    async def visit() -> None:
        client = Counter(server.url, audio)
        await client.join(avatar)
        await client.leave()

    for _ in range(count // AT_ONCE):
        await asyncio.gather(*(visit() for _ in range(AT_ONCE)))


async def left_behind(server: Server) -> dict[str, float]:
    await asyncio.sleep(SETTLE_S)
    return {
        "tasks": await asyncio.to_thread(tasks_of, server),
        "threads": server.count("task"),
        "descriptors": server.count("fd"),
        "rss_mb": round(server.memory_mb() or 0.0, 1),
    }


def tasks_of(server: Server) -> float:
    with urllib.request.urlopen(server.url + "/metrics", timeout=10) as answer:
        found = re.search(r"^lipcast_tasks (\S+)", answer.read().decode(), re.MULTILINE)
    assert found is not None
    return float(found[1])


def table(rows: list[dict[str, Any]], churn: dict[str, Any]) -> list[tuple[str, str, str]]:
    shown = [("what", "measured", "bar")]
    for row in rows:
        frames = f"{row['late_frames']} late, {row['degraded_frames']} degraded"
        value = f"{row['fps_least']} fps, {frames}, longest gap {row['longest_gap_ms']} ms"
        shown.append((f"{row['sessions']} sessions", value, "25 ± 0.5, 0 late, 0 degraded"))
        cost = f"{row['cpu_seconds_per_session_minute']} CPU s/min, {row['rss_mb']} MB"
        shown.append(("  each", cost, "≤ 20; ≤ 500 MB with one"))
    if len(rows) > 1:
        more = (rows[-1]["rss_mb"] - rows[0]["rss_mb"]) / (len(rows) - 1)
        shown.append(("each session more", f"{more:.1f} MB", "≤ 40 MB"))
    for name in ("tasks", "threads", "descriptors", "rss_mb") if churn else ():
        bar = "memory flat" if name == "rss_mb" else "none left"
        shown.append((f"{name} after {churn['joins']} joins", f"{churn['before'][name]} → {churn['after'][name]}", bar))
    return shown


if __name__ == "__main__":
    sys.exit(main())
