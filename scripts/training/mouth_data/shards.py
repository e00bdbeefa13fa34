"""The dataset on disk: shards of samples, written whole or not at all, and the index that describes them.

Knows nothing of how a sample is drawn. Killed and started again, it goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from engines.motion import COEFFICIENTS, VISEMES
from scripts.training.mouth_data.plan import PersonId, Plan, Shard
from scripts.training.mouth_data.sample import Sample

FORMAT = 1
INDEX = "index.json"
PICTURES = ("reference", "structure", "masked", "target", "mask", "regions")

# What each tensor of a shard means; S is the crop's size, n the samples.
SCHEMA = {
    "reference": "(n, S, S, 3) uint8 RGB: the person with the mouth at rest, at another moment",
    "structure": "(n, S, S, 3) uint8 RGB: the Structurist's picture, as the engine feeds it",
    "masked": "(n, S, S, 3) uint8 RGB: the target times 1 − mask/255",
    "target": "(n, S, S, 3) uint8 RGB: the rendered truth",
    "mask": "(n, S, S) uint8: weight of the drawn mouth in the compositor",
    "regions": "(n, S, S, 3) uint8: share of lips, teeth, and all of the mouth's inside in each pixel of the target",
    "landmarks": "(n, 20, 2) float32: points 48 to 67 of the 68 of the target, crop coordinates 0..1, x right, y down",
    "interocular": "(n,) float32: distance of the outer eye corners, crop units",
    "coefficients": "(n, 14) float32 in [0, 1], in the order of coefficient_names",
    "aperture_width": "(n, 2) float32: of the canonical head, inter-ocular distances",
    "visemes": "(n, 15) float32 in the order of viseme_names; all the same where the mouth does not speak",
    "pose": "(n, 3) float32: yaw, pitch and roll of the head in degrees, to its left, down, to its left",
    "identity": "(n,) int32: the person; no person is in two splits",
    "shape": "(n, 100) float32: the person's identity coefficients of the face model",
}

Drawn = Iterator[tuple[Sample, NDArray[np.float32]]]
Draw = Callable[[PersonId, int], Drawn]  # identity, samples → samples with the identity's coefficients


class OtherDataset(ValueError):
    """The folder holds a dataset of other settings."""


def begin(folder: Path, plan: Plan) -> list[Shard]:
    """Make the folder ready; the shards that are missing.

    Raises:
        OtherDataset: the folder was begun with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / INDEX
    if index.exists():
        found = json.loads(index.read_text(encoding="utf-8"))
        if found.get("format") != FORMAT or found.get("plan") != asdict(plan):
            raise OtherDataset(f"{index}: expected {asdict(plan)}, found {found.get('plan')}; name another folder")
    else:
        _write_text(index, json.dumps({"format": FORMAT, "plan": asdict(plan), "complete": False}))
    for leftover in folder.glob("*.part"):
        leftover.unlink()
    return [shard for shard in plan.shards() if not (folder / shard.name).exists()]


def write_shard(folder: Path, plan: Plan, shard: Shard, draw: Draw, drawn: Callable[[int], None]) -> None:
    """Draw and write one shard. drawn is told how many samples each identity has added."""
    rows: list[dict[str, Any]] = []
    for person_id, count in plan.people(shard):
        rows += [_row(sample, person_id, shape) for sample, shape in draw(person_id, count)]
        drawn(count)
    # safetensors writes memory as it lies, whatever the strides say.
    tensors = {name: np.ascontiguousarray(np.stack([row[name] for row in rows])) for name in SCHEMA}
    part = folder / f"{shard.name}.part"
    save_file(tensors, part)
    part.rename(folder / shard.name)


def finish(folder: Path, plan: Plan) -> None:
    """Write the index of a dataset whose shards are all there."""
    shards = [
        {"file": shard.name, "split": shard.split, "samples": shard.samples, "sha256": _hash(folder / shard.name)}
        for shard in plan.shards()
    ]
    index = {
        "format": FORMAT,
        "plan": asdict(plan),
        "complete": True,
        "counts": plan.counts(),
        "schema": SCHEMA,
        "coefficient_names": COEFFICIENTS,
        "viseme_names": VISEMES,
        "shards": shards,
        "sha256": hashlib.sha256("".join(str(shard["sha256"]) for shard in shards).encode()).hexdigest(),
    }
    _write_text(folder / INDEX, json.dumps(index, indent=1, ensure_ascii=False) + "\n")


def read_shard(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of one shard, by the names of SCHEMA."""
    return dict(load_file(path))


def _row(sample: Sample, person_id: PersonId, shape: NDArray[np.float32]) -> dict[str, Any]:
    motion, head_pose = sample.motion, sample.head_pose
    return {name: getattr(sample, name) for name in PICTURES} | {
        "landmarks": sample.landmarks,
        "interocular": sample.interocular,
        "coefficients": motion.coefficients,
        "aperture_width": np.array([motion.aperture, motion.width], np.float32),
        "visemes": motion.visemes,
        "pose": np.array([head_pose.yaw, head_pose.pitch, head_pose.roll], np.float32),
        "identity": np.int32(person_id.identity),
        "shape": shape,
    }


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_text(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.rename(path)
