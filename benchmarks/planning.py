"""What does planning an engine call cost the event loop?

    python -m benchmarks.planning --json benchmarks/results/planning.json

Calls of 2 to 64 sessions, planned under pressure: every frame is due in a millisecond, and what calls with every
number of full frames cost is known from 250 of each.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.measuring.report import publish, surroundings
from streamer.scheduling.load_control import FrameRequest, LoadControl
from streamer.scheduling.quantile import SAMPLES

FRAME_S = 0.040
PRESSED_S = 0.001  # until the frames of a call are due
SESSIONS = (2, 16, 32, 64)


def main() -> int:
    options = arguments().parse_args()
    rows = [row(sessions, options.calls) for sessions in SESSIONS]
    table = [("sessions", "median of a call", "p95")]
    table += [(f"{one['sessions']}", f"{one['median_ms']:.3f} ms", f"{one['p95_ms']:.3f} ms") for one in rows]
    publish({"rows": rows, "calls": options.calls} | surroundings(), table, options.json)
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="benchmarks.planning", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--calls", type=int, default=500, help="planned for each number of sessions (default 500)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to a file")
    return parser


def row(sessions: int, calls: int) -> dict[str, float]:
    """Milliseconds that planning takes."""
    control, now = taught(sessions)
    taken = []
    for _ in range(calls):
        now += FRAME_S
        call = [FrameRequest(session, now + PRESSED_S, True) for session in range(sessions)]
        began = time.perf_counter()
        control.plan(call, now)
        taken.append(1000 * (time.perf_counter() - began))
    median, p95 = np.percentile(taken, (50, 95))
    return {
        "sessions": sessions,
        "median_ms": round(float(median), 4),
        "p95_ms": round(float(p95), 4),
        "max_ms": round(max(taken), 4),
    }


def taught(sessions: int) -> tuple[LoadControl, float]:
    """A load control that knows calls of every size, a millisecond for each full frame; and the time by its clock."""
    control, now = LoadControl(FRAME_S), 0.0
    for full in range(1, sessions + 1):
        call = [FrameRequest(session, now + FRAME_S, True) for session in range(full)]
        for _ in range(SAMPLES):
            now += 0.0001
            control.note(call, [True] * full, now - 0.001 * full, now)
    return control, now


if __name__ == "__main__":
    sys.exit(main())
