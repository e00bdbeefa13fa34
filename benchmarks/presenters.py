"""What does a further presenter cost: memory, and time until a session can begin?

    python -m benchmarks.presenters --json FILE        loops in files, as the server has them; run it twice
    python -m benchmarks.presenters --in-memory        loops in memory

Each presenter that ships is loaded, prepared and shown for its whole loop, one after the other, and all stay in use.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring.report import publish, surroundings
from engines.api import Engine, Step
from engines.face.avatar import FaceAvatar
from engines.loader import Presenters, load_engine, loop_cache
from streamer.audio.synthetic_speech import synthetic_speech

LOOKAHEAD = 4  # frames


def main() -> int:
    options = arguments().parse_args()
    presenters = Presenters(cache=None if options.in_memory else loop_cache())
    rows = list(costs(load_engine(options.engine, LOOKAHEAD), presenters))
    table = [("presenter", "load, prepare", "memory, frame")]
    for one in rows:
        times = f"{one['load_s']:.3f} s, {one['prepare_s']:.3f} s"
        table.append((one["presenter"], times, f"{one['memory_mb']:+.0f} MB, {one['frame_ms']:.2f} ms"))
    publish({"rows": rows, "in_memory": options.in_memory} | surroundings(), table, options.json)
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="benchmarks.presenters", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--engine", default="diffusion", help="warp or diffusion (default)")
    parser.add_argument("--in-memory", action="store_true", help="hold decoded loops in memory and not in files")
    parser.add_argument("--json", type=Path, help="write the result here too")
    return parser


def costs(engine: Engine, presenters: Presenters) -> Iterator[dict[str, Any]]:
    """A row for each presenter, the first with what all of them share. memory_mb: resident, more than before."""
    used: list[object] = []  # what is not held is forgotten
    before = resident_mb()
    for name in presenters.all:
        times = [time.perf_counter()]
        avatar = presenters.load(name)
        times.append(time.perf_counter())
        engine.prepare(avatar)
        times.append(time.perf_counter())
        frame_ms = shown(engine, avatar)
        used.append(avatar)
        after = resident_mb()
        load_s, prepare_s = np.diff(times)
        yield {
            "presenter": name,
            "load_s": round(float(load_s), 4),
            "prepare_s": round(float(prepare_s), 4),
            "memory_mb": round(after - before, 1),
            "frame_ms": round(frame_ms, 3),
        }
        before = after


def shown(engine: Engine, avatar: FaceAvatar) -> float:
    """Draw every frame of the loop, talking. Returns the median time of one, ms."""
    stream, taken = engine.open(avatar), []
    for chunk in synthetic_speech(engine.timing.samples_per_frame, len(avatar.loop)):
        began = time.perf_counter()
        engine.step([Step(stream, chunk)])
        taken.append(1000 * (time.perf_counter() - began))
    engine.close(stream)
    return float(np.median(taken))


def resident_mb() -> float:
    """Memory of this process that is not swapped out, files it has mapped included (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    sys.exit(main())
