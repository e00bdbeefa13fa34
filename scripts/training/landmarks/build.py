"""Train what finds the lips' landmarks in a mouth's crop, which the benchmark of quality measures pictures with.

    python -m scripts.training.landmarks.build --dataset FOLDER    # --epochs 24, --out FILE

FOLDER is a dataset of scripts.training.mouth_data.build. Pictures are the rendered truth of its people for training;
the error told at the end is that of people held out. Needs the [train] extra.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from scripts.training.landmarks.detector import MODEL, SIDE, as_grey
from scripts.training.mouth_data.shards import read_shard

GRID = 16  # cells of a side of the maps of where each landmark may be
LANDMARKS = 20
BATCH = 32
RATE = 2e-3
SEED = 5


class LipMarks(nn.Module):
    """Grey crops (n, 1, SIDE, SIDE), any light → landmarks (n, 20, 2) in crop coordinates."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Sequential(
            *_layer(1, 16, 2), *_layer(16, 32, 1), *_layer(32, 48, 2), *_layer(48, 64, 1)
        )  # (n, 64, 16, 16)
        self.wide = nn.Sequential(*_layer(64, 96, 2), *_layer(96, 96, 1))  # (n, 96, 8, 8)
        self.maps = nn.Sequential(nn.Conv2d(160, 64, 1), nn.ReLU(), nn.Conv2d(64, LANDMARKS, 1))
        places = (torch.arange(GRID) + 0.5) / GRID
        self.register_buffer("places", places, persistent=False)

    def forward(self, grey: Tensor) -> Tensor:
        around = grey - grey.mean(dim=(2, 3), keepdim=True)
        near = self.near(around / (around.square().mean(dim=(2, 3), keepdim=True) + 1e-4).sqrt())
        wide = F.interpolate(self.wide(near), scale_factor=2.0, mode="nearest")
        chance = self.maps(torch.cat([near, wide], dim=1)).flatten(2).softmax(dim=2).unflatten(2, (GRID, GRID))
        places: Tensor = self.get_buffer("places")
        return torch.stack([chance.sum(dim=2) @ places, chance.sum(dim=3) @ places], dim=2)


def _layer(before: int, after: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


def load(folder: Path, split: str) -> tuple[Tensor, Tensor, Tensor]:
    """Grey crops (n, 1, SIDE, SIDE) in [0, 1], landmarks (n, 20, 2), inter-ocular distances (n,)."""
    parts = [read_shard(path) for path in sorted(folder.glob(f"{split}-*.safetensors"))]
    if not parts:
        raise FileNotFoundError(
            f"{folder}: expected a dataset of scripts.training.mouth_data.build, found no shards of {split}"
        )
    grey = [as_grey(picture) for part in parts for picture in part["target"]]
    numbers = [np.concatenate([part[name] for part in parts]) for name in ("landmarks", "interocular")]
    return torch.from_numpy(np.stack(grey)[:, None]), torch.from_numpy(numbers[0]), torch.from_numpy(numbers[1])


def disturbed(grey: Tensor, marks: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Moved, turned, softened, grainy, mirrored: crops as other pictures than the training's would be."""
    count = len(grey)
    angle = 0.12 * torch.randn(count, generator=draw)
    scale = 1 + 0.08 * torch.randn(count, generator=draw)
    shift = 0.06 * torch.randn(count, 2, generator=draw)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    turn = torch.stack(
        [torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1
    )  # output → input, around the middle
    grid = F.affine_grid(torch.cat([turn, 2 * shift[:, :, None]], 2), list(grey.shape), align_corners=False)
    moved = F.grid_sample(grey, grid, padding_mode="reflection", align_corners=False)
    placed = torch.linalg.solve(turn, (marks - 0.5 - shift[:, None]).transpose(1, 2)).transpose(1, 2) + 0.5
    soft = F.avg_pool2d(moved, 3, 1, 1, count_include_pad=False)
    share = torch.rand(count, 1, 1, 1, generator=draw) * (torch.rand(count, 1, 1, 1, generator=draw) < 0.5)
    grain = 0.03 * torch.rand(count, 1, 1, 1, generator=draw) * torch.randn(moved.shape, generator=draw)
    return moved + share * (soft - moved) + grain, placed


def train(folder: Path, epochs: int) -> LipMarks:
    torch.manual_seed(SEED)
    draw = torch.Generator().manual_seed(SEED)
    grey, marks, _ = load(folder, "train")
    model = LipMarks()
    best = torch.optim.AdamW(model.parameters(), RATE, weight_decay=1e-3)
    steps = epochs * (len(grey) // BATCH)
    pace = torch.optim.lr_scheduler.OneCycleLR(best, RATE, total_steps=steps)
    for epoch in range(epochs):
        order = torch.randperm(len(grey), generator=draw)
        total = 0.0
        for rows in order[: len(grey) // BATCH * BATCH].split(BATCH):
            crops, places = disturbed(grey[rows], marks[rows], draw)
            found = model(crops)
            gaps = found[:, 13:16, 1] - found[:, [19, 18, 17], 1] - places[:, 13:16, 1] + places[:, [19, 18, 17], 1]
            loss = (found - places).abs().mean() + gaps.abs().mean()
            best.zero_grad()
            loss.backward()
            best.step()
            pace.step()
            total += float(loss.detach())
        print(f"epoch {epoch + 1}/{epochs}: {total / (len(grey) // BATCH):.5f}", file=sys.stderr)
    model.eval()
    return model


def error(model: LipMarks, folder: Path, split: str) -> NDArray[Any]:
    """Distance of each landmark from its truth, % of the inter-ocular distance: (n, 20)."""
    grey, marks, apart = load(folder, split)
    with torch.no_grad():
        return np.asarray(100 * (model(grey) - marks).norm(dim=2) / apart[:, None])


def export(model: LipMarks, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter that needs no further package
        torch.onnx.export(
            model,
            (torch.zeros(1, 1, SIDE, SIDE),),
            str(path),
            input_names=["grey"],
            output_names=["marks"],
            dynamic_axes={"grey": {0: "n"}, "marks": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, description="train what finds the lips' landmarks in a mouth's crop"
    )
    parser.add_argument("--dataset", type=Path, required=True, help="a folder of scripts.training.mouth_data.build")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=MODEL)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = train(options.dataset, options.epochs)
    for split in ("val", "test"):
        wrong = error(model, options.dataset, split)
        print(f"{split}: {wrong.mean():.2f} % of the inter-ocular distance, p95 {np.percentile(wrong, 95):.2f} %")
    export(model, options.out)


if __name__ == "__main__":
    main()
