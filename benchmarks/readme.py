"""Writes the README's table of numbers from the saved results: `python -m benchmarks.readme`.

A number that no saved result holds is not in the README; a test fails when the table is not what the results say.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
ENGINES = ("diffusion", "warp")  # the default first
LIKENESS = (
    ("likeness to rendered truth, people never seen", "psnr", 2, " dB"),
    ("… structural similarity", "ssim", 3, ""),
    ("… lips' landmarks off, of the distance between the eyes", "lip_distance", 2, " %"),
    ("… correlation of the lip opening (PCLD)", "pcld", 3, ""),
)
BLOCK = re.compile(r"(<!-- numbers: begin[^\n]*-->\n).*?(<!-- numbers: end -->)", re.DOTALL)


def main() -> None:
    README.write_text(with_numbers(README.read_text(encoding="utf-8")), encoding="utf-8")


def with_numbers(readme: str) -> str:
    return BLOCK.sub(lambda match: match[1] + "\n" + numbers() + "\n" + match[2], readme)


def numbers() -> str:
    """The table, a column for each engine, and where it was measured."""
    columns = [column(engine) for engine in ENGINES]
    table = "\n".join(f"| {name} | {' | '.join(found[name] for found in columns)} |" for name in columns[0])
    calm, many, long = (load(f"{name}_{ENGINES[0]}") for name in ("latency_browser", "sessions", "two_sessions"))
    churn, cost = many["churn"], load("engine")
    pair = long["together"][0]
    more = [
        f"after {churn['joins']} joins and leaves: {left(churn)} left; "
        f"memory {churn['before']['rss_mb']:.0f} → {churn['after']['rss_mb']:.0f} MB",
        f"two sessions of diffusion for {long['seconds'] / 60:.0f} minutes: {pair['fps_least']:.1f} fps; of "
        f"{2 * 25 * long['seconds']:,.0f} frames late: {pair['late_frames']}, drawn quickly: {pair['degraded_frames']}",
        f"diffusion's network: {milliseconds(cost['network']['1'])} on {cost['threads']} threads; "
        + "; ".join(f"{name} {milliseconds(row)}" for name, row in cost["backends"].items() if "1 thread" in name),
    ]
    where = (
        f"Measured on {calm['cores']} cores ({calm['cpu']}), the browser on the same, with a look-ahead of "
        f"{calm['lookahead_ms']} ms, {calm['seconds']:.0f} s ({many['seconds']:.0f} s for each number of sessions), "
        f"latency of commit {calm['commit']}; every result in benchmarks/results names its own. "
        "Lips part ahead of the voice, as a talker's do: their picture is sooner seen than that of the sound itself."
    )
    head = f"| | {' | '.join(ENGINES)} |\n|---|{'---|' * len(ENGINES)}"
    return f"{head}\n{table}\n\n" + "\n".join(f"* {line}" for line in more) + f"\n\n{where}\n"


def column(engine: str) -> dict[str, str]:
    """What was measured of an engine, by the name of its row."""
    calm, lossy, many = (load(f"{name}_{engine}") for name in ("latency_browser", "latency_browser_loss", "sessions"))
    one, most = many["together"][0], calm_sessions(many["together"])
    lips, picture, burst = calm["mic_to_lips_ms"], calm["mic_to_picture_ms"], lossy["sound_after_burst_ms"]
    cost, drawn = load("engine")["engines"], load("quality")["engines"]
    rows = {
        "microphone → lips in Chromium": f"{lips['p50']:.0f} ms, p95 {lips['p95']:.0f} ms",
        "microphone → the picture of that sound": f"{picture['p50']:.0f} ms, p95 {picture['p95']:.0f} ms",
        "sound and picture apart": f"p95 {calm['av_offset_ms']['p95']:.0f} ms",
        "… with 2 % of packets lost": f"p95 {lossy['av_offset_ms']['p95']:.0f} ms",
        "Join pressed → first picture": f"{calm['join_to_first_frame_ms']:.0f} ms",
        "stop → mouth closed and silent": f"p95 {calm['interrupt_ms']['p95']:.0f} ms",
        "delay 5 s after a burst of loss": f"{burst['after']:.0f} ms, before it {burst['before']:.0f} ms",
        "sessions without a late frame": f"{most['sessions']}, {most['degraded_frames']} frames drawn quickly",
        "a session costs": f"{one['cpu_seconds_per_session_minute']:.0f} CPU-seconds a minute",
        "memory with one session": f"{one['rss_mb']:.0f} MB",
        "a frame drawn": milliseconds(cost[engine]),
    }
    return rows | {what: f"{drawn[engine][key]:.{digits}f}{unit}" for what, key, digits, unit in LIKENESS}


def milliseconds(row: dict[str, float]) -> str:
    return f"{row['p50_ms']:.1f} ms, p95 {row['p95_ms']:.1f} ms"


def left(churn: dict[str, Any]) -> str:
    """What stayed behind, in words."""
    more = {name: int(churn["after"][name] - churn["before"][name]) for name in ("tasks", "threads", "descriptors")}
    return ", ".join(f"{count} {name}" for name, count in more.items() if count > 0) or "no task, thread or descriptor"


def calm_sessions(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The largest number of sessions of which no frame was late."""
    return max(
        (row for row in rows if row["late_frames"] == 0),
        key=lambda row: int(row["sessions"]),
        default=rows[0],
    )


def load(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


if __name__ == "__main__":
    main()
