"""A preview image: unseen people at rest, their structure frames, what the network draws, and the truth.

    python -m scripts.training.diffusion.preview \\
        --checkpoint build/embedded/adversarial.pt --mouths build/mouths --out preview.png

Two more rows show lips led open and led shut by the Structure Controller.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from engines.diffusion.architecture import Model, Sampling
from engines.diffusion.frame_step import FrameStep
from engines.diffusion.structure_controller import HIGHEST, LOWEST
from scripts.training.diffusion.dataset import MouthDataset
from scripts.training.diffusion.few_step import draw_pictures
from scripts.training.diffusion.run import load_mean

ZOOM = 2


def preview_sheet(network: FrameStep, mouths: MouthDataset, columns: int, seed: int) -> Tensor:
    """(3, height, width) in [0, 1]: rest, structure frame, drawn, truth, led open, led shut."""
    rows = np.sort(np.random.default_rng(seed).choice(len(mouths), min(columns, len(mouths)), replace=False))
    batch = mouths.pick(rows)
    drawn = []
    for lam in (1.0, HIGHEST, LOWEST):
        torch.manual_seed(seed)
        with torch.inference_mode():
            drawn.append(draw_pictures(network, batch, torch.full((len(rows), 1), lam), network.steps))
    pictures = [batch.reference, batch.structure, drawn[0], batch.target, *drawn[1:]]
    lines = [torch.cat(list(row), dim=2) for row in pictures]
    return ((torch.cat(lines, dim=1) + 1) / 2).clamp(0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--mouths", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a PNG file")
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1, help="of sampling")
    options = parser.parse_args()
    try:
        network = FrameStep(Model(sampling=Sampling(steps=options.steps))).eval()
        load_mean(network, options.checkpoint)
        picture = preview_sheet(network, MouthDataset(options.mouths, "test"), options.columns, options.seed)
    except FileNotFoundError as error:
        sys.exit(str(error))
    pixels = np.rint(picture.permute(1, 2, 0).numpy() * 255).astype(np.uint8)[..., ::-1]
    large = cv2.resize(pixels, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)
    if not cv2.imwrite(str(options.out), large):
        sys.exit(f"cannot write {options.out}: expected a PNG file in a folder that is there")


if __name__ == "__main__":
    main()
