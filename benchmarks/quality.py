"""How like the truth are the pictures, and how calm? Against rendered truth of unseen people: a table, then JSON.

Usage: python -m benchmarks.quality [--pack FOLDER] [--identities 8] [--frames 75] [--clips FOLDER] [--json FILE]
       [--sheet FILE.png] [--video FILE.mp4] [--engine NAME …]

Compares the Structurist alone (warp) with the diffusion engine, and with that engine less each of its parts. Landmarks
are found in the pictures themselves, those of the truth too. All measures are of the mask's inside, but for the last:
what changes outside it when the presenters that ship talk.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring.comparison_media import save_sheet, save_video
from benchmarks.measuring.ground_truth import STILL_FRAMES, Clip, load_clip, render_clip, save_clip
from benchmarks.measuring.image_metrics import (
    cosine,
    flicker,
    jitter,
    led,
    noise,
    pearson,
    procrustes,
    psnr,
    sharpness,
    ssim,
)
from benchmarks.measuring.mask_leakage import largest_change_outside
from benchmarks.measuring.renderers import Network, renderers
from benchmarks.measuring.report import publish, surroundings
from engines.backends.registry import INT8
from engines.diffusion.pack import SHIPPED, Pack, load_pack
from engines.loader import Presenters, load_engine
from scripts.training.heads.model import load_facekit
from scripts.training.landmarks.detector import LipMarks, openings
from scripts.training.mouth_data.region import Region, build_region

SEED = 2026
PCLD_BAR, CALMER_BAR, PCLD_LOSS_BAR = 0.90, 3.0, 0.01
WHOLE, EVERY, PLAIN = "diffusion", "network for every frame", "warp"
NO_SENSOR, NO_CONTROLLER = "no noise sensor", "no structure controller"
# measure, its unit, digits, and whether more is better (None: neither)
MEASURES: tuple[tuple[str, str, int, bool | None], ...] = (
    ("psnr", "dB", 2, True),
    ("ssim", "", 4, True),
    ("lip_distance", "%", 2, False),
    ("pd", "", 5, False),
    ("csld", "", 4, True),
    ("pcld", "", 4, True),
    ("pcld_led", "were lips led in full", 4, None),
    ("sharpness", "of the truth's", 3, None),
    ("mnp", "px", 4, False),
    ("static_flicker", "grey levels", 4, False),
    ("jitter", "%/frame²", 3, False),
)

Pictures = NDArray[np.uint8]
Measured = dict[str, float]


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """What is measured. clips: a folder where rendered truth is kept for the next time; None: nowhere."""

    facekit: Path
    identities: int
    frames: int
    clips: Path | None = None


def clips(options: BenchmarkOptions) -> Iterator[Clip]:
    for number in range(options.identities):
        path = options.clips / f"{SEED}-{number:03d}-{options.frames}.safetensors" if options.clips else None
        if path is not None and path.exists():
            yield load_clip(path)
            continue
        clip = render_clip(_region(options.facekit), SEED, number, options.frames)
        if path is not None:
            save_clip(path, clip)
        yield clip


@cache
def _region(facekit: Path) -> Region:
    """Built when a clip is missing: it takes seconds."""
    return build_region(load_facekit(facekit))


def compare(drawn: Pictures, clip: Clip, marks: LipMarks) -> Measured:
    """One renderer's clip against the truth's."""
    weight, truth = clip.weight, clip.target
    found, wanted = marks(drawn), marks(truth)
    spoken = range(len(truth) - STILL_FRAMES)
    opening, opened = openings(found), openings(wanted)
    asked = [motion.aperture for motion in clip.motions]
    leading = led(opening, asked)
    apart = np.linalg.norm(found - wanted, axis=2)
    return {
        "psnr": float(np.mean([psnr(drawn[t], truth[t], weight) for t in spoken])),
        "ssim": float(np.mean([ssim(drawn[t], truth[t], weight) for t in spoken])),
        "lip_distance": 100 * float(apart[: len(spoken)].mean()) / clip.interocular,
        "pd": float(np.mean([procrustes(found[t], wanted[t]) for t in spoken])),
        "csld": cosine(opening[: len(spoken)], opened[: len(spoken)]),
        "pcld": pearson(opening[: len(spoken)], opened[: len(spoken)]),
        "pcld_led": pearson(leading[: len(spoken)], opened[: len(spoken)]),
        "sharpness": float(np.mean([sharpness(drawn[t], weight) / sharpness(truth[t], weight) for t in spoken])),
        "mnp": noise(drawn[: len(spoken)], clip.structure[: len(spoken)], weight),
        "static_flicker": flicker(drawn[-STILL_FRAMES:], weight),
        "jitter": 100 * jitter(found[: len(spoken)], wanted[: len(spoken)]) / clip.interocular,
    }


def detector_error(clip: Clip, marks: LipMarks) -> float:
    """How far what is found in the truth lies from the renderer's own landmarks, % of the inter-ocular distance."""
    return 100 * float(np.linalg.norm(marks(clip.target) - clip.landmarks, axis=2).mean()) / clip.interocular


def measure(
    options: BenchmarkOptions, network: Network | None, wanted: list[str], shown: list[dict[str, Pictures]]
) -> dict[str, Any]:
    """Means over clips for each renderer. shown: takes every renderer's pictures of each clip, for sheet and video."""
    available = renderers(network)
    names = wanted or list(available)
    marks = LipMarks()
    rows: dict[str, list[Measured]] = {name: [] for name in names}
    wrong, restless = [], []
    for clip in clips(options):
        pictures = {name: available[name](clip) for name in names}
        for name in names:
            rows[name].append(compare(pictures[name], clip, marks))
        wrong.append(detector_error(clip, marks))
        restless.append(noise(clip.target[:-STILL_FRAMES], clip.structure[:-STILL_FRAMES], clip.weight))
        shown.append({"at rest": np.stack([clip.reference] * len(clip.target)), "truth": clip.target, **pictures})
        print(f"{clip.name}: " + ", ".join(f"{n} {rows[n][-1]['psnr']:.2f} dB" for n in names), file=sys.stderr)
    means = {
        name: {key: float(np.mean([row[key] for row in found])) for key in found[0]} for name, found in rows.items()
    }
    return {
        "identities": options.identities,
        "frames": options.frames,
        "seed": SEED,
        "detector_error": float(np.mean(wrong)),
        "truth_mnp": float(np.mean(restless)),
        "engines": means,
        "by_identity": rows,
    }


def bars(engines: dict[str, Measured]) -> list[tuple[str, str, str]]:
    """What was asked of the engine, where there is enough to say it."""
    rows = []
    if WHOLE in engines and PLAIN in engines:
        whole, plain = engines[WHOLE], engines[PLAIN]
        rows.append(("PCLD", f"{whole['pcld']:.4f}", f"≥ {PCLD_BAR}"))
        rows += [
            (f"{name}, more than warp's", f"{whole[key] - plain[key]:+.4f}", sign)
            for name, key, sign in (
                ("PSNR", "psnr", "> 0"), ("SSIM", "ssim", "> 0"), ("lip landmark distance", "lip_distance", "< 0"),
            )
        ]  # fmt: skip
    if EVERY in engines and NO_CONTROLLER in engines:  # parts are compared where the network draws every frame
        gain = engines[EVERY]["pcld"] - engines[NO_CONTROLLER]["pcld"]
        rows.append(("PCLD by the Structure Controller", f"{gain:+.4f}", "> 0"))
    if EVERY in engines and NO_SENSOR in engines:
        every, without = engines[EVERY], engines[NO_SENSOR]
        for name, key in (("MNP", "mnp"), ("static flicker", "static_flicker")):
            times = without[key] / max(every[key], 1e-9)
            rows.append((f"{name} without the Noise Sensor", f"{min(times, 999):.1f}×", f"≥ {CALMER_BAR:g}×"))
        rows.append(("PCLD lost by it", f"{without['pcld'] - every['pcld']:.4f}", f"≤ {PCLD_LOSS_BAR}"))
    return rows


def table(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = []
    for key, unit, digits, _ in MEASURES:
        for name, means in result["engines"].items():
            rows.append((f"{key}: {name}", f"{means[key]:.{digits}f} {unit}".rstrip(), ""))
    rows.append(("mnp: the truth itself", f"{result['truth_mnp']:.4f} px", ""))
    rows += [
        (f"outside the mask: {who}", f"{levels} grey levels", "0") for who, levels in result.get("outside", {}).items()
    ]
    rows.append(("landmarks found in the truth, mean error", f"{result['detector_error']:.2f} %", ""))
    return rows + bars(result["engines"])


def outside(pack: Path | None) -> dict[str, int]:
    """The largest change outside the mask, grey levels, of each presenter that ships."""
    engine, presenters = load_engine("diffusion", 2, pack, threads=1), Presenters()
    return {name: largest_change_outside(engine, presenters.load(name)) for name in presenters.all}


def network_of(folder: Path | None) -> tuple[Network | None, Pack | None]:
    """The pack's graphs. Without a folder those that ship; None where none do."""
    if folder is None and not SHIPPED.is_dir():
        print(f"no pack in {SHIPPED}: measuring warp alone", file=sys.stderr)
        return None, None
    pack, single = (
        load_pack(folder or SHIPPED, threads=1, batches=(1,), precision=precision) for precision in (INT8, "float32")
    )
    return Network(pack.frame_steps[1], single.frame_steps[1], pack.encode), pack


def main() -> None:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, description="how like the truth are the pictures, and how calm?"
    )
    parser.add_argument(
        "--facekit", type=Path, default=Path("../shared/ict_facekit"), help="the ICT face model's folder"
    )
    parser.add_argument("--pack", type=Path, help="weights of the diffusion engine (default: those that ship)")
    parser.add_argument("--engine", action="append", default=[], help="measure these only; may be given again")
    parser.add_argument("--identities", type=int, default=8)
    parser.add_argument("--frames", type=int, default=75, help="of a sentence")
    parser.add_argument("--clips", type=Path, help="keep rendered truth in this folder for the next time")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path, help="write pictures side by side, PNG")
    parser.add_argument("--video", type=Path, help="write clips side by side, MP4")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    network, pack = network_of(options.pack)
    unknown = sorted(set(options.engine) - set(renderers(network)))
    if unknown:
        sys.exit(f"no engine {unknown[0]!r} to measure; there are: {', '.join(renderers(network))}")
    shown: list[dict[str, Pictures]] = []
    result = measure(
        BenchmarkOptions(options.facekit, options.identities, options.frames, options.clips),
        network,
        options.engine,
        shown,
    )
    result["outside"] = outside(options.pack) if pack else {}
    result |= {"pack": f"{pack.manifest.name} {pack.manifest.version}" if pack else None} | surroundings()
    if options.sheet:
        save_sheet(options.sheet, shown)
    if options.video:
        save_video(options.video, shown)
    publish(result, table(result), options.json)


if __name__ == "__main__":
    main()
