"""Training of the landmark finder, in miniature: it learns, and what is exported finds the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

torch = pytest.importorskip("torch", reason="the finder is trained with torch: install the train extra")
pytest.importorskip("onnx", reason="the finder is exported with onnx: install the train extra")

from scripts.training.landmarks import build as trainer  # noqa: E402
from scripts.training.landmarks.detector import SIDE, LipMarks, as_grey  # noqa: E402  what it needs may not be there

SIZE = 2 * SIDE
TRAINED, HELD_OUT = 64, 8

pytestmark = pytest.mark.slow


def shard(folder: Path, split: str, count: int) -> NDArray[np.uint8]:
    """Pictures of a bright square; all landmarks lie on its right edge's middle."""
    draw = np.random.default_rng(count)
    pictures = np.full((count, SIZE, SIZE, 3), 60, np.uint8)
    marks = np.zeros((count, 20, 2), np.float32)
    for picture, mark in zip(pictures, marks, strict=True):
        x, y = draw.integers(30, 70, 2)
        picture[y : y + 30, x : x + 30] = 200
        mark[:] = ((x + 30) / SIZE, (y + 15) / SIZE)
    apart = np.full(count, 0.7, np.float32)
    save_file({"target": pictures, "landmarks": marks, "interocular": apart}, folder / f"{split}-0000.safetensors")
    return pictures


def test_it_learns_and_is_exported_as_it_is(tmp_path: Path) -> None:
    torch.set_num_threads(1)  # networks this small lose more by threads than they win
    shard(tmp_path, "train", TRAINED)
    pictures = shard(tmp_path, "val", HELD_OUT)
    untrained = trainer.error(trainer.LipMarks().eval(), tmp_path, "val").mean()
    model = trainer.train(tmp_path, epochs=12)
    assert trainer.error(model, tmp_path, "val").mean() < 0.5 * untrained
    trainer.export(model, tmp_path / "marks.onnx")
    grey = torch.from_numpy(np.stack([as_grey(picture) for picture in pictures])[:, None])
    with torch.no_grad():
        expected = model(grey).numpy()
    np.testing.assert_allclose(LipMarks(tmp_path / "marks.onnx")(pictures), expected, atol=1e-4)


def test_disturbed_pictures_keep_their_marks() -> None:
    """A bright dot moves with its landmark."""
    grey, marks = torch.zeros(16, 1, SIDE, SIDE), torch.full((16, 20, 2), 0.5)
    grey[:, :, 30:34, 30:34] = 1
    moved, placed = trainer.disturbed(grey, marks, torch.Generator().manual_seed(0))
    places = (torch.arange(SIDE) + 0.5) / SIDE
    weight = torch.where(moved[:, 0] > 0.3, moved[:, 0], 0.0)
    total = weight.sum(dim=(1, 2))
    found = torch.stack([(weight.sum(dim=1) * places).sum(1) / total, (weight.sum(dim=2) * places).sum(1) / total], 1)
    assert float((found - placed[:, 0]).abs().max()) < 0.01
    assert float((placed[:, 0] - 0.5).abs().max()) > 0.02


def test_without_a_dataset_it_says_what_it_wants(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"expected a dataset of scripts\.training\.mouth_data\.build"):
        trainer.train(tmp_path, epochs=1)
