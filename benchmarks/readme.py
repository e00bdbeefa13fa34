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
LIKENESS = (
    ("diffusion: likeness to rendered truth, people never seen", "psnr", 2, " dB"),
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
    """The table, and where it was measured."""
    calm, lossy, many = load("latency_browser"), load("latency_browser_loss"), load("sessions")
    drawn, cost = load("quality")["engines"], load("engine")
    one, most = many["together"][0], calm_sessions(many["together"])
    churn, lips, burst = many["churn"], calm["mic_to_lips_ms"], lossy["sound_after_burst_ms"]
    picture = calm["mic_to_picture_ms"]
    rows = [
        ("microphone → lips in Chromium", f"{lips['p50']:.0f} ms, p95 {lips['p95']:.0f} ms"),
        ("microphone → the picture of that sound", f"{picture['p50']:.0f} ms, p95 {picture['p95']:.0f} ms"),
        ("sound and picture apart", f"p95 {calm['av_offset_ms']['p95']:.0f} ms"),
        ("… with 2 % of packets lost", f"p95 {lossy['av_offset_ms']['p95']:.0f} ms"),
        ("Join pressed → first picture", f"{calm['join_to_first_frame_ms']:.0f} ms"),
        ("stop → mouth closed and silent", f"p95 {calm['interrupt_ms']['p95']:.0f} ms"),
        ("delay 5 s after a burst of loss", f"{burst['after']:.0f} ms, before it {burst['before']:.0f} ms"),
        ("sessions at 25 fps without a late or quick frame", f"{most['sessions']}"),
        ("a session costs", f"{one['cpu_seconds_per_session_minute']:.0f} CPU-seconds a minute"),
        ("memory with one session", f"{one['rss_mb']:.0f} MB"),
        (
            f"after {churn['joins']} joins and leaves",
            f"{left(churn)} left; memory {churn['before']['rss_mb']:.0f} → {churn['after']['rss_mb']:.0f} MB",
        ),
    ]
    rows += [
        ("diffusion: the network's frame step", milliseconds(cost["network"]["1"])),
        *[(f"… on {name}", milliseconds(row)) for name, row in cost["backends"].items() if "openvino" in name],
        ("diffusion: a whole frame drawn", milliseconds(cost["engines"]["diffusion"])),
        *[(what, compared(drawn, key, digits, unit)) for what, key, digits, unit in LIKENESS],
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    where = (
        f"Measured on {calm['cores']} cores ({calm['cpu']}) with a look-ahead of {calm['lookahead_ms']} ms, "
        f"{calm['seconds']:.0f} s ({many['seconds']:.0f} s for each number of sessions), "
        f"latency of commit {calm['commit']}; every result in benchmarks/results names its own. All but the rows of "
        "diffusion are of `warp`, the default. "
        "Lips part ahead of the voice, as a talker's do: their picture is sooner seen than that of the sound itself."
    )
    return f"| | |\n|---|---|\n{table}\n\n{where}\n"


def milliseconds(row: dict[str, float]) -> str:
    return f"{row['p50_ms']:.1f} ms, p95 {row['p95_ms']:.1f} ms"


def compared(drawn: dict[str, dict[str, float]], key: str, digits: int, unit: str) -> str:
    """What the diffusion engine has, and what warp has."""
    mine, other = (f"{drawn[engine][key]:.{digits}f}{unit}" for engine in ("diffusion", "warp"))
    return f"{mine} (`warp`: {other})"


def left(churn: dict[str, Any]) -> str:
    """What stayed behind, in words."""
    more = {name: int(churn["after"][name] - churn["before"][name]) for name in ("tasks", "threads", "descriptors")}
    return ", ".join(f"{count} {name}" for name, count in more.items() if count > 0) or "no task, thread or descriptor"


def calm_sessions(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The largest number of sessions of which no frame was late, and none drawn the quick way."""
    return max(
        (row for row in rows if row["late_frames"] == row.get("degraded_frames", 0) == 0),
        key=lambda row: int(row["sessions"]),
        default=rows[0],
    )


def load(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


if __name__ == "__main__":
    main()
