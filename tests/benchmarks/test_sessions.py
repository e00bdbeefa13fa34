"""What the benchmark of sessions says of its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.latency import argument_parser as latency_parser
from benchmarks.latency import engine_label, server_arguments
from benchmarks.sessions import table
from streamer.config import load_config


def row(sessions: int, rss: float) -> dict[str, Any]:
    return {
        "sessions": sessions, "fps_least": 24.98, "longest_gap_ms": 61.0, "late_frames": 0, "degraded_frames": 2,
        "cpu_seconds_per_session_minute": 20.1, "rss_mb": rss,
    }  # fmt: skip


def test_each_count_of_sessions_has_its_frames_and_its_cost() -> None:
    shown = table([row(1, 400.0), row(2, 460.0), row(3, 520.0)], {})
    assert shown[1] == (
        "1 sessions", "24.98 fps, 0 late, 2 degraded, longest gap 61.0 ms", "25 ± 0.5, 0 late, 0 degraded",
    )  # fmt: skip
    assert shown[-1] == ("each session more", "60.0 MB", "≤ 40 MB")


def test_one_count_says_nothing_of_each_more() -> None:
    assert not any(name == "each session more" for name, _, _ in table([row(1, 400.0)], {}))


def test_what_stays_behind_is_shown_before_and_after() -> None:
    left = {"tasks": 5.0, "threads": 9.0, "descriptors": 30.0, "rss_mb": 400.0}
    shown = table([], {"joins": 200, "before": left, "after": left | {"rss_mb": 402.0}})
    assert ("tasks after 200 joins", "5.0 → 5.0", "none left") in shown
    assert ("rss_mb after 200 joins", "400.0 → 402.0", "memory flat") in shown


def test_the_server_is_configured_as_the_benchmark_was_asked() -> None:
    words = ["--engine", "warp", "--threads", "1", "--lookahead-ms", "120", "--sessions", "6"]
    options = latency_parser().parse_args(words)
    flag, path = server_arguments(options)
    config = load_config(Path(path))
    assert flag == "--config"
    assert (config.engine.name, config.engine.threads, config.engine.lookahead_ms) == ("warp", 1, 120)
    assert config.server.max_sessions == 6


def test_results_name_the_engine_and_its_backend() -> None:
    parse = latency_parser().parse_args
    assert engine_label(parse(["--engine", "warp"])) == "warp"
    assert engine_label(parse(["--engine", "diffusion", "--backend", "openvino"])) == "diffusion, openvino"
