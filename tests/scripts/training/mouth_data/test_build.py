"""The whole chain in miniature: six samples of three people in three shards."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("numba", reason="numba draws the mouths: install the train extra")

from scripts.training.mouth_data import generate as maker
from scripts.training.mouth_data.plan import Plan
from scripts.training.mouth_data.shards import INDEX, SCHEMA, OtherDataset, begin, read_shard, write_shard

PLAN = Plan(samples=6, seed=5, size=32, per_identity=2, per_shard=2)
SHARDS = ["train-0000.safetensors", "val-0000.safetensors", "test-0000.safetensors"]

pytestmark = pytest.mark.slow  # some seconds, once: the face model and the compiler


@pytest.fixture(scope="module")
def made(facekit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mouths") / "set"
    maker.make(facekit, folder, PLAN)
    return folder


@pytest.fixture(scope="module")
def shards(made: Path) -> list[dict[str, NDArray[Any]]]:
    return [read_shard(made / name) for name in SHARDS]


def test_every_tensor_has_the_shape_and_type_that_the_schema_says(shards: list[dict[str, NDArray[Any]]]) -> None:
    sizes = {"n": 2, "S": 32}
    for tensors in shards:
        assert set(tensors) == set(SCHEMA)
        for name, words in SCHEMA.items():
            shape, dtype = words.split(")")[0].strip("("), words.split(")")[1].split()[0].strip(":")
            wanted = tuple(
                sizes[part.strip()] if part.strip() in sizes else int(part) for part in shape.split(",") if part
            )
            assert tensors[name].shape == wanted, name
            assert tensors[name].dtype == np.dtype(dtype), name


def test_no_person_is_in_two_splits(shards: list[dict[str, NDArray[Any]]]) -> None:
    people = [set(tensors["identity"].tolist()) for tensors in shards]
    shapes = [tuple(tensors["shape"][0]) for tensors in shards]
    assert [len(some) for some in people] == [1, 1, 1]
    assert len(set.union(*people)) == 3
    assert len(set(shapes)) == 3


def test_the_masked_picture_is_the_target_outside_the_mask(shards: list[dict[str, NDArray[Any]]]) -> None:
    train = shards[0]
    outside, inside = train["mask"] == 0, train["mask"] == 255
    assert (train["masked"][outside] == train["target"][outside]).all()
    assert not train["masked"][inside].any()
    assert inside.any()


def test_lips_are_red_in_the_regions_where_the_landmarks_say(shards: list[dict[str, NDArray[Any]]]) -> None:
    for tensors in shards:
        for marks, regions in zip(tensors["landmarks"], tensors["regions"], strict=True):
            mouth = np.argwhere(regions[..., (0, 2)].max(axis=2) > 128)[:, ::-1] / 32
            assert (np.abs(mouth.mean(axis=0) - marks.mean(axis=0)) < 0.08).all()
            assert (mouth.min(axis=0) > marks.min(axis=0) - 0.1).all()
            assert (mouth.max(axis=0) < marks.max(axis=0) + 0.1).all()


def test_the_structure_frame_is_nearer_to_the_truth_than_the_resting_picture_is_black(
    shards: list[dict[str, NDArray[Any]]],
) -> None:
    for tensors in shards:
        gap = np.abs(tensors["structure"].astype(int) - tensors["target"]).mean()
        assert gap < 0.25 * tensors["target"].std() + 8


def test_the_index_counts_and_hashes_the_shards(made: Path) -> None:
    index = json.loads((made / INDEX).read_text())
    assert index["complete"]
    assert index["counts"] == {"train": 2, "val": 2, "test": 2}
    assert [shard["file"] for shard in index["shards"]] == SHARDS
    for shard in index["shards"]:
        assert shard["sha256"] == hashlib.sha256((made / shard["file"]).read_bytes()).hexdigest()


def test_killed_it_goes_on_and_ends_with_the_same_files(facekit: Path, made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    people = maker.build_people(facekit, PLAN.size)
    killed: list[int] = []

    def kill(count: int) -> None:
        killed.append(count)
        raise KeyboardInterrupt

    missing = begin(folder, PLAN)
    write_shard(folder, PLAN, missing[0], people, lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        write_shard(folder, PLAN, missing[1], people, kill)
    (folder / f"{missing[1].name}.part").write_bytes(b"half a shard")
    assert killed == [2]
    kept = (folder / SHARDS[0]).stat().st_mtime_ns

    maker.make(facekit, folder, PLAN)

    assert (folder / SHARDS[0]).stat().st_mtime_ns == kept
    assert not list(folder.glob("*.part"))
    assert (folder / INDEX).read_bytes() == (made / INDEX).read_bytes()


def test_a_folder_of_other_settings_is_refused(facekit: Path, made: Path) -> None:
    with pytest.raises(OtherDataset, match="name another folder"):
        maker.make(facekit, made, Plan(samples=6, seed=6, size=32, per_identity=2, per_shard=2))


def test_without_the_face_model_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--facekit"):
        maker.make(tmp_path / "nowhere", tmp_path / "set", PLAN)
    assert not (tmp_path / "set").exists()
