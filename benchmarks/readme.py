"""Writes the README's four numbers and docs/results.md from the saved results: `python -m benchmarks.readme`.

A number that no saved result holds is in neither; a test fails when the tables are not what the results say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
RESULTS_PAGE = ROOT / "docs" / "results.md"
ENGINES = ("diffusion", "warp")  # the default first
MISSED = " †"
HARDLY = 0.03  # of the frames
MOST_APART_MS = 40  # the aim for the 95th percentile of the offset of audio and video
BLOCK = re.compile(r"(<!-- numbers: begin[^\n]*-->\n).*?(<!-- numbers: end -->)", re.DOTALL)

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """A measured value in words, and whether it is what was aimed at."""

    text: str
    met: bool = True

    def __str__(self) -> str:
        return self.text if self.met else self.text + MISSED


@dataclass(frozen=True, slots=True)
class Measured:
    """What was saved of one engine."""

    calm: Result
    lossy: Result
    alone: Result  # one session
    most: Result  # the largest number of sessions with no frame late and hardly one degraded
    frame: Result  # drawn, without sound and encoding
    likeness: Result


def main() -> None:
    for path, block in PAGES:
        path.write_text(with_block(path.read_text(encoding="utf-8"), block()), encoding="utf-8")


def with_block(page: str, block: str) -> str:
    """The page with `block` between its two marks."""
    return BLOCK.sub(lambda match: f"{match[1]}\n{block}\n{match[2]}", page)


def first_screen() -> str:
    """The numbers that tell whether Lipcast fits: latency, sync, lips, sessions, memory; of the default engine, each
    with the length of its run, and sync also over the longest run.
    """
    engine = ENGINES[0]
    one, hour = measured_of(engine), load(f"latency_hour_{engine}")
    minute, many = lasting(one.calm), lasting(one.alone)
    rows = [
        ["microphone → lips, at the viewer", str(spread("mic_to_lips_ms", 250)(one)), minute],
        ["audio and video apart, p95", f"{offset(one.calm)}; {offset(hour)}", f"{minute}; {lasting(hour)}"],
        *first_lips(load("lips").get("real_lips", {})),
        ["sessions at 25 frames/s, none late", f"{one.most['sessions']}", many],
        ["memory, one session", f"{one.alone['rss_mb']:.0f} MB", many],
    ]
    where = (
        f"On two cores ({one.calm['cpu']}) without a GPU, the browser on the same machine. {MISSED.strip()} misses its "
        "aim. All results and aims: [docs/results.md](docs/results.md)."
    )
    return f"{table(['', f'engine `{engine}`', 'run'], rows)}\n{where}\n"


def offset(run: Result) -> str:
    """How far apart audio and video are in a run."""
    p95: float = run["av_offset_ms"]["p95"]
    return f"{p95:.1f} ms{MISSED * (p95 > MOST_APART_MS)}"


def lasting(run: Result) -> str:
    """The length of a run in words."""
    seconds: float = run["seconds"]
    return f"{seconds / 3600:.0f} h" if seconds >= 3600 else f"{seconds:.0f} s"


def first_lips(real: Result) -> list[list[str]]:
    """One row, or none where lips were not compared with real ones."""
    openings = {group: of["opening"] for group, of in real.get("held_out", {}).items() if group in REAL}
    if not openings:
        return []
    missed = MISSED * any(round(opening, 2) < REAL[group][1] for group, opening in openings.items())
    words = ", ".join(f"{opening:.2f} ({SHORT[group]})" for group, opening in openings.items())
    return [["lip opening against real lips of people not in training, correlation", words + missed, "saved clips"]]


def numbers() -> str:
    """The tables, and where they were measured."""
    measured = [measured_of(engine) for engine in ENGINES]
    live = [[name, *(str(cell(one)) for one in measured), aim] for name, aim, cell in LIVE]
    parts = [
        table(["two CPU cores, the browser on the same machine", *ENGINES, "aim"], live),
        f"{MISSED.strip()} misses its aim.\n",
        *(f"* {line}" for line in long_runs()),
        "",
        table(["lips from speech", "measured", "aim"], [[name, str(cell), aim] for name, aim, cell in lips()]),
        where(measured[0].calm),
    ]
    return "\n".join(parts)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def measured_of(engine: str) -> Measured:
    calm, lossy, many = (load(f"{name}_{engine}") for name in ("latency_browser", "latency_browser_loss", "sessions"))
    together = many["together"]
    cost, drawn = load("engine")["engines"][engine], load("quality")["engines"][engine]
    return Measured(
        calm, lossy, together[0] | {"seconds": many["seconds"]}, calm_sessions(together, many["seconds"]), cost, drawn
    )


def spread(name: str, aim: float | None = None) -> Callable[[Measured], Cell]:
    """Median and 95th percentile of a latency in the calm run."""

    def cell(one: Measured) -> Cell:
        p50, p95 = (one.calm[name][rank] for rank in ("p50", "p95"))
        return Cell(f"{p50:.0f} ms, p95 {p95:.0f} ms", aim is None or p95 <= aim)

    return cell


def apart(run: str) -> Callable[[Measured], Cell]:
    def cell(one: Measured) -> Cell:
        p95 = getattr(one, run)["av_offset_ms"]["p95"]
        return Cell(f"p95 {p95:.1f} ms", p95 <= MOST_APART_MS)

    return cell


def after_loss(one: Measured) -> Cell:
    burst = one.lossy["sound_after_burst_ms"]
    return Cell(f"{burst['before']:.0f} / {burst['after']:.0f} ms", abs(burst["after"] - burst["before"]) <= 20)


def sessions(one: Measured) -> Cell:
    count, plain = one.most["sessions"], one.most["degraded_frames"]
    frames = 25 * one.alone["seconds"] * count
    return Cell(f"{count}; {plain} of {frames:,.0f} frames degraded" if plain else f"{count}", count >= 2)


def likeness(key: str, digits: int, unit: str = "") -> Callable[[Measured], Cell]:
    return lambda one: Cell(f"{one.likeness[key]:.{digits}f}{unit}")


LIVE: tuple[tuple[str, str, Callable[[Measured], Cell]], ...] = (
    ("microphone → lips, at the viewer", "p95 ≤ 250 ms", spread("mic_to_lips_ms", 250)),
    ("microphone → the frame of that very audio", "", spread("mic_to_picture_ms")),
    ("audio and video apart", "p95 ≤ 40 ms", apart("calm")),
    ("… with 2 % of packets lost", "p95 ≤ 40 ms", apart("lossy")),
    (
        "Join pressed → first frame",
        "≤ 500 ms",
        lambda one: Cell(f"{one.calm['join_to_first_frame_ms']:.0f} ms", one.calm["join_to_first_frame_ms"] <= 500),
    ),
    (
        "stop → mouth closed and silent",
        "p95 ≤ 150 ms",
        lambda one: Cell(f"p95 {one.calm['interrupt_ms']['p95']:.0f} ms", one.calm["interrupt_ms"]["p95"] <= 150),
    ),
    ("audio delay before / 5 s after 300 ms of total loss", "within 20 ms", after_loss),
    ("sessions at 25 frames/s, none late, under 3 % degraded", "≥ 2", sessions),
    (
        "CPU-seconds a minute, one session",
        "≤ 20",
        lambda one: Cell(
            f"{one.alone['cpu_seconds_per_session_minute']:.0f}", one.alone["cpu_seconds_per_session_minute"] <= 20
        ),
    ),
    ("memory, one session", "≤ 500 MB", lambda one: Cell(f"{one.alone['rss_mb']:.0f} MB", one.alone["rss_mb"] <= 500)),
    (
        "a frame at full effort, on 2 threads",
        "p95 ≤ 30 ms",
        lambda one: Cell(milliseconds(one.frame), one.frame["p95_ms"] <= 30),
    ),
    ("PSNR against rendered truth, unseen people", "above warp's", likeness("psnr", 2, " dB")),
    ("… structural similarity (SSIM)", "above warp's", likeness("ssim", 3)),
    ("… lip landmark error, of the inter-ocular distance", "below warp's", likeness("lip_distance", 2, " %")),
    ("… correlation of the lip opening (PCLD)", "≥ 0.90", likeness("pcld", 3)),
    ("… sharpness, of the truth", "", likeness("sharpness", 2)),
)


def long_runs() -> list[str]:
    """What takes longer than a minute, and what concerns one engine alone."""
    hour, long, cost = load("latency_hour_diffusion"), load("two_sessions_diffusion"), load("engine")
    many, drawn = load("sessions_diffusion"), load("quality")["engines"]
    churn, pair, apart_ms = many["churn"], long["together"][0], hour["av_offset_ms"]
    memory = [value for value in hour["rss_by_minute_mb"] if value is not None]
    sensor, without = drawn["network for every frame"], drawn["no noise sensor"]
    frames = 2 * 25 * long["seconds"]
    return [
        f"**an hour** in Chromium: audio and video apart p95 {apart_ms['p95']:.1f} ms "
        f"(aim: 40{MISSED * (apart_ms['p95'] > MOST_APART_MS)}), by the minute "
        f"{min(apart_ms['by_minute']):+.0f} to {max(apart_ms['by_minute']):+.0f} ms; at its end audio and lips are "
        f"{hour['drift_ms']['sound']:+.0f} and {hour['drift_ms']['lips']:+.0f} ms later than at first; "
        f"{hour['fps']:.2f} frames a second, {hour['late_frames']} of {hour['frames']:,} late, "
        f"{hour['degraded_frames']:,} degraded; memory {memory[0]:.0f} → {memory[-1]:.0f} MB",
        f"after {churn['joins']} joins and leaves: {left(churn)} left; "
        f"memory {churn['before']['rss_mb']:.0f} → {churn['after']['rss_mb']:.0f} MB",
        *more_sessions(many),
        f"two sessions of diffusion for {long['seconds'] / 60:.0f} minutes: {pair['fps_least']:.1f} frames a second, "
        f"{pair['late_frames']} of {frames:,.0f} late, {pair['degraded_frames']} degraded",
        f"diffusion's network: {milliseconds(cost['network']['1'])} on {cost['threads']} threads (aim: p95 ≤ 20); "
        + "; ".join(f"{name} {milliseconds(row)}" for name, row in cost["backends"].items() if "1 thread" in name),
        f"Noise Sensor: static flicker {without['static_flicker'] / sensor['static_flicker']:.1f} times less (aim: 3), "
        f"mean noise {without['mnp'] / sensor['mnp']:.1f} times less (aim: 3{MISSED})",
    ]


def more_sessions(many: Result) -> list[str]:
    """What becomes of more sessions than there is time for, if so many were tried."""
    rows, seconds = many["together"], many["seconds"]
    rows = [row for row in rows if row["sessions"] > calm_sessions(rows, seconds)["sessions"]]
    listed = ", ".join(
        f"{row['sessions']}: {row['fps_least']:.1f} frames a second, {row['late_frames']} late, "
        f"{100 * row['degraded_frames'] / (25 * seconds * row['sessions']):.0f} % degraded"
        for row in rows
    )
    return [f"more sessions of diffusion take turns in full frames: {listed}"] if listed else []


SPEAKERS = {  # the speakers of benchmarks.lips, and the prefix of their results
    "five LibriVox recordings": "",
    "held-out voices": "held_out_",
    "a held-out synthesiser": "held_out_synthesiser_",
    "held-out people": "held_out_people_",
}
REAL = {  # groups of recordings with measured lips, and the least correlation of their opening with the prediction
    "grid": ("short English commands, mean of {talkers} talkers", 0.78),
    "fluent": ("fluent English, one talker", 0.63),
    "mandarin": ("fluent Mandarin, one take", 0.68),
}
SHORT = {"grid": "short commands", "fluent": "fluent English", "mandarin": "fluent Mandarin"}
QUIET = ("silence", "white_noise", "keyboard_clicks", "breath")
LEAST_WIDTH = 0.45  # correlation of the mouth's width
LEAST_SEEN = 0.8  # of p b m with measured lips, predicted closed


def lips() -> list[tuple[str, str, Cell]]:
    """Of benchmarks.lips: name, aim, measured; real lips first. What was not measured has no row."""
    found = load("lips")
    return [*real_lips(found.get("real_lips", {})), *counted_lips(found)]


def real_lips(real: Result) -> list[tuple[str, str, Cell]]:
    """Against lips measured on people whom training does not hear."""
    rows = []
    held_out = {group: found for group, found in real.get("held_out", {}).items() if group in REAL}
    for group, found in held_out.items():
        name, least = REAL[group]
        who = name.format(talkers=len(commands_talkers(real)))
        opening = Cell(f"{found['opening']:.2f}", round(found["opening"], 2) >= least)
        rows.append((f"correlation of the lip opening with real lips, held out: {who}", f"≥ {least}", opening))
    for group, found in held_out.items():
        if "width" in found:
            who = REAL[group][0].format(talkers=len(commands_talkers(real)))
            width = Cell(f"{found['width']:.2f}", round(found["width"], 2) >= LEAST_WIDTH)
            rows.append((f"… of the mouth's width: {who}", f"≥ {LEAST_WIDTH}", width))
    if talkers := commands_talkers(real):
        by_talker = ", ".join(f"{name} {opening:.2f} / {width:.2f}" for name, opening, width in talkers)
        rows.append(("… opening / width by talker", "", Cell(by_talker)))
    if ahead := real.get("by_lookahead_ms"):
        rows.append(
            (f"… with {', '.join(ahead)} ms of look-ahead", "", Cell(", ".join(f"{v:.2f}" for v in ahead.values())))
        )
    if same := real.get("same_words", {}).get("opening"):
        values = ", ".join(f"{same[key]:.2f}" for key in ("one_talker", "all_talkers", "same_talker", "encoder"))
        rows.append(
            (
                "opening in the same words: by another talker's lips, the mean of all others', the talker's own from "
                "other sentences, the encoder",
                "",
                Cell(values),
            )
        )
    if closed := real.get("closures", {}).get("held_out"):
        rows.append(
            (
                f"p b m seen closed in video; predicted so, of {closed['sounds']:.0f}",
                f"≥ {100 * LEAST_SEEN:.0f} %",
                Cell(f"{100 * closed['seen']:.0f} %; {100 * closed['encoder']:.0f} %", closed["encoder"] >= LEAST_SEEN),
            )
        )
    return rows


def commands_talkers(real: Result) -> list[tuple[str, float, float]]:
    """Held-out talkers of commands, with opening and width: those who are not clips or takes by themselves."""
    return [
        (name, of["opening"], of["width"])
        for name, of in real.get("talkers", {}).items()
        if of["held_out"] and of["group"] == "grid" and "width" in of
    ]


def counted_lips(found: Result) -> list[tuple[str, str, Cell]]:
    """Sounds whose gestures are counted, rest and cost."""
    known = {who: prefix for who, prefix in SPEAKERS.items() if f"{prefix}closures_found" in found}
    quiet = [found[key] for name in QUIET if (key := f"opening_in_{name}") in found]
    rows = [
        (f"p b m: lips closed in time; false closures ({who})", "≥ 90 %; ≤ 10 %", closures(found, prefix))
        for who, prefix in known.items()
    ]
    rows += [
        (f"F1 of f v tucks and of u w o ʃ rounding ({who})", "≥ 0.8", tuck_and_rounding(found, prefix))
        for who, prefix in known.items()
    ]
    if quiet:
        widest = max(quiet)
        rows.append(
            ("mouth open in silence, noise, clicks, breath", "≤ 5 %", Cell(f"{100 * widest:.0f} %", widest <= 0.05))
        )
    if share := found.get("core_share"):
        rows.append(("processor time, of one core", "≤ 3 %", Cell(f"{100 * share:.1f} %", share <= 0.03)))
    return rows


def closures(found: Result, prefix: str) -> Cell:
    shut, false = found[f"{prefix}closures_found"], found[f"{prefix}closures_false"]
    return Cell(f"{100 * shut:.0f} %; {100 * false:.1f} %", shut >= 0.9 and false <= 0.1)


def tuck_and_rounding(found: Result, prefix: str) -> Cell:
    tuck, rounding = found[f"{prefix}tuck_f1"], found[f"{prefix}rounding_f1"]
    return Cell(f"{tuck:.2f}, {rounding:.2f}", min(tuck, rounding) >= 0.8)


def where(calm: Result) -> str:
    return (
        f"Measured on {calm['cores']} cores ({calm['cpu']}), {calm['lookahead_ms']} ms of look-ahead, latency over "
        f"{calm['seconds']:.0f} s of commit {calm['commit']}; every result in benchmarks/results names its own. Lips "
        "begin to open some 40 ms before the voice, as real ones do; so microphone → lips is less than microphone → "
        "picture.\n"
    )


def milliseconds(row: dict[str, float]) -> str:
    return f"{row['p50_ms']:.1f} ms, p95 {row['p95_ms']:.1f} ms"


def left(churn: Result) -> str:
    """What stayed behind, in words."""
    more = {name: int(churn["after"][name] - churn["before"][name]) for name in ("tasks", "threads", "descriptors")}
    return ", ".join(f"{count} {name}" for name, count in more.items() if count > 0) or "no task, thread or descriptor"


def calm_sessions(rows: list[Result], seconds: float) -> Result:
    """The largest number of sessions of which no frame was late and hardly one degraded."""
    return max(
        (
            row
            for row in rows
            if row["late_frames"] == 0 and row["degraded_frames"] <= HARDLY * 25 * seconds * row["sessions"]
        ),
        key=lambda row: int(row["sessions"]),
        default=rows[0],
    )


PAGES: tuple[tuple[Path, Callable[[], str]], ...] = ((README, first_screen), (RESULTS_PAGE, numbers))


def load(name: str) -> Result:
    result: Result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


if __name__ == "__main__":
    main()
