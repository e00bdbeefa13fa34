"""Make the embedded pack from nothing: mouths, four stages of training, a preview, the pack.

    python -m scripts.training.diffusion.build build/embedded --facekit ../shared/ict_facekit --half

Run again after a stop, it goes on where it was; with --longer 2 it trains twice as long, from where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.training.diffusion.train import STAGES
from scripts.training.stages import run_stages

SAMPLES = 14_000


def stages(options: argparse.Namespace) -> list[list[str]]:
    """The modules to run and their arguments, in order."""
    folder: Path = options.folder
    mouths, last = str(folder / "mouths"), str(folder / "adversarial.pt")
    dataset = ["--facekit", str(options.facekit), "--out", mouths, "--samples", str(options.samples)]
    common = ["--mouths", mouths, "--out", str(folder), "--device", options.device, "--threads", str(options.threads)]
    found = [["scripts.training.mouth_data.build", *dataset, "--workers", str(options.threads)]]
    for stage in STAGES.values():
        steps = ["--steps", str(round(stage.steps * options.longer))]
        half = ["--half"] if options.half else []
        found.append(["scripts.training.diffusion.train", stage.name, *common, *steps, *half])
    trained = ["--checkpoint", last, "--mouths", mouths, "--out"]
    found.append(["scripts.training.diffusion.preview", *trained, str(folder / "preview.png")])
    pack = str(options.pack or folder / "pack")
    return [*found, ["scripts.training.diffusion.make_pack", *trained, pack, "--version", options.version]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, help="for mouths and checkpoints: 6 GB")
    parser.add_argument("--facekit", type=Path, required=True, help="the folder of the ICT face model")
    parser.add_argument("--pack", type=Path, help="the pack's folder, instead of FOLDER/pack")
    parser.add_argument("--version", default="1", help="of the pack")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--longer", type=float, default=1.0, help="times the usual number of steps")
    parser.add_argument("--half", action="store_true", help="compute in bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    run_stages(stages(options))


if __name__ == "__main__":
    main()
