"""Render heads of people who do not exist, with everything that is true of each picture.

    python -m scripts.tools.render_heads FOLDER --seeds 0-9 --poses 4

For each seed a person, for each pose a picture SEED-POSE.png and its truth SEED-POSE.safetensors; mesh.safetensors has
the faces. Stopped, it goes on where it was; the same seed, size and samples give the same pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

SIZES, SAMPLES, POSES, SEEDS = (64, 2048), (1, 4096), (1, 1000), (0, 2**31 - 1)
NEEDED = ("mitsuba", "drjit", "mitsuba_oidn", "scipy")
SETTINGS = "heads.json"


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """What is wanted: pictures of size pixels, traced with samples paths a pixel."""

    folder: Path
    facekit: Path
    seeds: tuple[int, ...]
    size: int
    samples: int
    poses: int


def main(words: Sequence[str] | None = None) -> None:
    order, threads = _arguments(words)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        sys.exit(f"expected {', '.join(missing)} to trace pictures; install the extra: pip install -e '.[render]'")
    try:
        _settle(order)
        render(order, threads)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))


def render(order: RenderSettings, threads: int) -> None:
    """Trace whatever pictures the folder does not have yet."""
    import drjit
    import mitsuba

    mitsuba.set_variant("llvm_ad_rgb")
    drjit.set_thread_count(threads)
    from scripts.training.heads.model import load_facekit
    from scripts.training.heads.portraits import PortraitRenderer, save_mesh

    kit = load_facekit(order.facekit)
    save_mesh(kit, order.folder / "mesh.safetensors")
    wanted = {seed: [n for n in range(order.poses) if not _there(order, seed, n)] for seed in order.seeds}
    missing, done, began = sum(len(numbers) for numbers in wanted.values()), 0, time.monotonic()
    print(f"{missing} of {len(order.seeds) * order.poses} pictures to trace", flush=True)
    for seed, numbers in wanted.items():
        if not numbers:
            continue
        with TemporaryDirectory(prefix="heads-") as strands:
            renderer = PortraitRenderer(kit, seed, order.size, order.samples, Path(strands))
            for number in numbers:
                renderer.take(number, order.folder / f"{seed:06d}-{number:03d}")
                done += 1
                each = (time.monotonic() - began) / done
                left = each * (missing - done) / 60
                print(
                    f"person {seed}, pose {number}: {done}/{missing}, {each:.1f} s each, {left:.1f} min left",
                    flush=True,
                )


def _there(order: RenderSettings, seed: int, number: int) -> bool:
    return (order.folder / f"{seed:06d}-{number:03d}.png").is_file()  # the truth is written before it


def _settle(order: RenderSettings) -> None:
    """Make the folder, or see that it was made with the same settings."""
    settings = {"size": order.size, "samples": order.samples}
    path = order.folder / SETTINGS
    order.folder.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        fresh = path.with_suffix(".part")
        fresh.write_text(json.dumps(settings) + "\n", encoding="utf-8")
        os.replace(fresh, path)
        return
    found = path.read_text(encoding="utf-8").strip()
    if found != json.dumps(settings):
        raise ValueError(
            f"expected {order.folder} to hold pictures of {json.dumps(settings)}, but it has {found}; "
            "name another folder, or give the same --size and --samples"
        )


def parse_seeds(text: str) -> tuple[int, ...]:
    """ "3", "0-9" or "0-9,20,30-39": each once, in order.

    Raises:
        argparse.ArgumentTypeError: it is none of these, or a range that runs backwards.
    """
    seeds: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,10})(?:-(\d{1,10}))?", part.strip(), re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last > SEEDS[1] or last - first >= 1_000_000:
            raise argparse.ArgumentTypeError(
                f"expected seeds such as 3, 0-9 or 0-9,20, from 0 to {SEEDS[1]} and at most a million; got {text!r}"
            )
        seeds |= dict.fromkeys(range(first, last + 1))
    return tuple(seeds)


def _arguments(words: Sequence[str] | None) -> tuple[RenderSettings, int]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, help="made if need be")
    parser.add_argument("--seeds", type=parse_seeds, required=True, help="such as 0-9 or 3,7: a person each")
    parser.add_argument("--facekit", type=Path, default=Path("../shared/ict_facekit"), help="the face model's folder")
    parser.add_argument("--size", type=int, default=512, help="pixels of a picture's side")
    parser.add_argument("--samples", type=int, default=12, help="paths a pixel")
    parser.add_argument("--poses", type=int, default=4, help="pictures of each person")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(words)
    limits = {"size": SIZES, "samples": SAMPLES, "poses": POSES, "threads": (1, 1024)}
    for name, (least, most) in limits.items():
        if not least <= getattr(given, name) <= most:
            parser.error(f"expected --{name} from {least} to {most}, got {getattr(given, name)}")
    if given.folder.exists() and not given.folder.is_dir():
        parser.error(f"expected a folder, but {given.folder} is a file; name another")
    order = RenderSettings(given.folder, given.facekit, given.seeds, given.size, given.samples, given.poses)
    return order, given.threads


if __name__ == "__main__":
    main()
