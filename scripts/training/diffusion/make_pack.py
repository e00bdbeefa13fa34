"""Write the pack of what the last stage of training left, and check that runtimes agree on it, and precisions.

    python -m scripts.training.diffusion.make_pack --checkpoint build/embedded/adversarial.pt --mouths build/mouths \\
        --out engines/packs/embedded --version 1
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from engines.backends.registry import INT8
from engines.diffusion.architecture import Model, Sampling
from engines.diffusion.frame_step import FrameStep
from engines.diffusion.pack import BATCHES, FILES, PackError, load_pack
from engines.diffusion.weights import reference
from scripts.training.diffusion import few_step
from scripts.training.diffusion.dataset import MouthDataset
from scripts.training.diffusion.export import PackIdentity, write_pack
from scripts.training.diffusion.quantise import CALIBRATED, calibration
from scripts.training.diffusion.run import load_mean

NAME = "embedded"
CARD = Path(__file__).with_name("model_card.md")
AGREEMENT = 2e-3  # largest difference of two runtimes' outputs; half a grey level of a picture
MOST_LOST = 1.0  # grey levels by which 8 bits may change a picture in the mean, …
COMPARED = 64  # … of so many mouths
LARGEST = 40e6  # bytes of a pack
TESTED = 512  # pictures of the test split by which the card speaks


def make_pack(
    checkpoint: Path, seen: MouthDataset, mouths: MouthDataset, folder: Path, model: Model, version: str
) -> float:
    """Write the pack, and return the largest difference of the runtimes.

    seen: of the training split, by which the scales of 8 bits are chosen; mouths: of the test split, for the card.

    Raises:
        FileNotFoundError: there is no checkpoint.
        PackError: what was written cannot be used, disagrees with the reference or is too large.
    """
    network = FrameStep(model)
    load_mean(network, checkpoint)
    network.eval()
    strength = f"{model.sampling.strength:.0%}"
    card = CARD.read_text(encoding="utf-8").format(
        parameters=f"{sum(parameter.numel() for parameter in network.parameters()) / 1e6:.1f} million",
        sampling=f"Steps: {model.sampling.steps}, from the structure frame noised {strength} of the way",
        steps=int(torch.load(checkpoint, weights_only=True)["step"]),
        count=len(mouths),
        measured=few_step.judge(network, mouths, torch.device("cpu")).removeprefix("unseen "),
    )
    write_pack(folder, network, model, PackIdentity(NAME, version, card), lambda encode: calibration(encode, seen))
    found = parity(folder)
    if not found <= AGREEMENT:
        raise PackError(folder, f"runtimes that agree within {AGREEMENT}", f"a difference of {found:.5f}", "tell us")
    lost = lost_by_8_bits(folder, mouths)
    if not lost <= MOST_LOST:
        raise PackError(folder, f"at most {MOST_LOST} grey levels lost by 8 bits", f"{lost:.2f}", "tell us")
    size = sum((folder / name).stat().st_size for name in FILES)
    if size > LARGEST:
        raise PackError(folder, f"at most {LARGEST / 1e6:.0f} MB", f"{size / 1e6:.1f} MB", "choose a smaller model")
    return found


def parity(folder: Path) -> float:
    """The largest difference between ONNX Runtime and PyTorch over all outputs and batches, for random inputs."""
    pack, draw, worst = load_pack(folder), np.random.default_rng(1), 0.0
    for batch in BATCHES:
        for graph, other in zip((pack.frame_steps[batch], pack.encode), reference(folder, batch), strict=True):
            feeds = {spec.name: draw.normal(size=spec.shape).astype(np.float32) for spec in graph.inputs}
            expected = other.run(feeds)
            for name, result in graph.run(feeds).items():
                worst = max(worst, float(np.abs(result - expected[name]).max()))
    return worst


def lost_by_8_bits(folder: Path, mouths: MouthDataset) -> float:
    """Mean difference between the pictures of both precisions, grey levels."""
    packs = [load_pack(folder, batches=(1,), precision=precision) for precision in ("float32", INT8)]
    given = list(calibration(packs[0].encode, mouths, COMPARED))
    single, eight = (np.stack([pack.frame_steps[1].run(feeds)["picture"] for feeds in given]) for pack in packs)
    return float(255 * np.abs(single - eight).mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--mouths", type=Path, required=True, help="the dataset whose test split the card speaks of")
    parser.add_argument("--out", type=Path, required=True, help="the pack's folder")
    parser.add_argument("--version", required=True)
    parser.add_argument("--steps", type=int, default=1, help="of sampling, fixed in the graph")
    options = parser.parse_args()
    torch.set_num_threads(2)
    model = Model(sampling=Sampling(steps=options.steps))
    try:
        seen, mouths = MouthDataset(options.mouths, "train", CALIBRATED), MouthDataset(options.mouths, "test", TESTED)
        found = make_pack(options.checkpoint, seen, mouths, options.out, model, options.version)
    except (FileNotFoundError, PackError) as error:
        sys.exit(str(error))
    print(f"{options.out}: runtimes agree within {found:.1e}")


if __name__ == "__main__":
    main()
