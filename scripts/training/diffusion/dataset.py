"""The rendered mouths as training reads them: one split in memory, batches drawn by number. Knows no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scripts.training.mouth_data.shards import read_shard

KEPT = ("reference", "structure", "target", "mask", "regions", "landmarks", "interocular")


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """reference, structure, target (n, 3, S, S) in [-1, 1]: the mouth at rest, the Structurist's, the truth; mask
    (n, 1, S, S) and regions (n, 3, S, S) in [0, 1]: weight of the drawn mouth; lips, teeth, the mouth's inside.

    landmarks (n, 20, 2): the lips' 48 to 67 of 68, crop coordinates; interocular (n,): crop units.
    """

    reference: Tensor
    structure: Tensor
    target: Tensor
    mask: Tensor
    regions: Tensor
    landmarks: Tensor
    interocular: Tensor

    def to(self, device: torch.device) -> Batch:
        return replace(self, **{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class MouthDataset:
    """A split of a dataset that scripts.training.mouth_data.build wrote, as bytes: 230 kB a sample of 128 pixels.

    Raises:
        FileNotFoundError: the folder has no shard of that split.
    """

    def __init__(self, folder: Path, split: str, most: int | None = None) -> None:
        """most: samples to keep, the first ones."""
        paths = sorted(folder.glob(f"{split}-*.safetensors"))
        if not paths:
            raise FileNotFoundError(
                f"no {split}-*.safetensors in {folder}: run scripts.training.mouth_data.build first"
            )
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in KEPT}
        count = 0
        for path in paths:
            if most is not None and count >= most:
                break
            shard = read_shard(path)
            count += len(shard["target"])
            for name in KEPT:
                parts[name].append(shard[name])
        self._tensors = {name: np.concatenate(part)[:most] for name, part in parts.items()}

    def __len__(self) -> int:
        return len(self._tensors["target"])

    @property
    def size(self) -> int:
        return int(self._tensors["target"].shape[1])

    def pick(self, rows: NDArray[np.integer] | slice, flipped: NDArray[np.bool_] | None = None) -> Batch:
        """Samples by number; those that are flipped are mirrored left to right."""
        picked = {name: tensor[rows] for name, tensor in self._tensors.items()}
        if flipped is not None:
            for name in KEPT[:5]:
                picked[name] = np.where(_over(flipped, picked[name]), np.flip(picked[name], 2), picked[name])
            picked["landmarks"] = np.where(flipped[:, None, None], _mirrored(picked["landmarks"]), picked["landmarks"])
        return Batch(
            reference=_signed(picked["reference"]),
            structure=_signed(picked["structure"]),
            target=_signed(picked["target"]),
            mask=_planes(picked["mask"][..., None]),
            regions=_planes(picked["regions"]),
            landmarks=torch.from_numpy(np.ascontiguousarray(picked["landmarks"])),
            interocular=torch.from_numpy(np.ascontiguousarray(picked["interocular"])),
        )

    def batch(self, size: int, draw: np.random.Generator) -> Batch:
        """Random samples, half of them mirrored."""
        return self.pick(draw.integers(0, len(self), size), draw.random(size) < 0.5)

    def in_order(self, size: int) -> Iterator[Batch]:
        for start in range(0, len(self), size):
            yield self.pick(slice(start, start + size))


def _signed(pictures: NDArray[np.uint8]) -> Tensor:
    """(n, S, S, 3) bytes to (n, 3, S, S) in [-1, 1]."""
    return _planes(pictures).mul_(2).sub_(1)


def _planes(images: NDArray[np.uint8]) -> Tensor:
    """(n, S, S, c) bytes → (n, c, S, S) in [0, 1]; in memory channels stay last, as the convolutions like them."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div_(255)


def _over(flags: NDArray[np.bool_], like: NDArray[Any]) -> NDArray[np.bool_]:
    return flags.reshape(-1, *(1,) * (like.ndim - 1))


# Of the twenty points, the ones that stand in each other's place in a mirror.
MIRROR = np.array([6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 16, 15, 14, 13, 12, 19, 18, 17])


def _mirrored(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    flipped = landmarks[:, MIRROR].copy()
    flipped[..., 0] = 1 - flipped[..., 0]
    return flipped
