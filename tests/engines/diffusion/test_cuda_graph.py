"""The engine on a graph that takes rows one by one, as on a GPU, shows what it shows on ONNX Runtime."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from engines.api import Chunk, Step
from engines.backends.api import RowGraph
from engines.backends.batch_planner import BatchPlanner
from engines.diffusion.conditioning import precompute_by
from engines.diffusion.cuda_graph import open_captured
from engines.diffusion.engine import DiffusionEngine
from engines.diffusion.pack import Pack, load_pack
from engines.face.avatar import FaceAvatar
from engines.speech.api import FRAME_SAMPLES
from tests.engines.face import tiny_avatar as tiny
from tests.engines.level_encoder import LevelEncoder

COSTS = {1: 1.0, 2: 1.1, 4: 1.2}  # three rows run as four, one of which nobody asked for
LEVELS = [0.3, 0.8, 0.0, 1.0, 0.6, 0.2]
Pictures = NDArray[np.uint8]


@pytest.fixture(scope="module")
def cast() -> list[FaceAvatar]:
    """Two presenters, one of them twice."""
    light, other = tiny.avatar(), tiny.avatar(mask=tiny.avatar().face.mask // 2)
    loop = 255 - np.stack(list(other.loop))
    loop.setflags(write=False)
    return [light, dataclasses.replace(other, loop=loop), light]


def shown(pack: Pack, cast: list[FaceAvatar]) -> Pictures:
    """(frames, streams, height, width, 3): streams that are drawn in one call."""
    engine = DiffusionEngine(LevelEncoder(0), BatchPlanner(pack.frame_steps, COSTS), precompute_by(pack.encode, 32))
    streams = [engine.open(avatar) for avatar in cast]
    chunks = [Chunk(np.full(FRAME_SAMPLES, level, np.float32), index) for index, level in enumerate(LEVELS)]
    return np.array([[frame.rgb for frame in engine.step([Step(own, chunk) for own in streams])] for chunk in chunks])


def test_rows_of_several_presenters_are_drawn_as_on_onnx_runtime(miniature: Path, cast: list[FaceAvatar]) -> None:
    plain = load_pack(miniature, threads=1, batches=tuple(COSTS))
    by_rows = load_pack(
        miniature, threads=1, batches=tuple(COSTS), open_graph=open_captured(miniature, "cpu", "float32")
    )
    assert all(isinstance(graph, RowGraph) for graph in by_rows.frame_steps.values())
    wanted = shown(plain, cast)
    assert np.abs(shown(by_rows, cast).astype(int) - wanted).max() <= 1


def test_what_the_network_is_told_of_a_presenter_shows(miniature: Path, cast: list[FaceAvatar]) -> None:
    """Or the test before would not see rows that change places."""
    pack = load_pack(miniature, threads=1, batches=(1,))
    encode, draw = precompute_by(pack.encode, 32), np.random.default_rng(3)
    graph = pack.frame_steps[1]
    feeds = {spec.name: draw.normal(size=spec.shape).astype(np.float32) for spec in graph.inputs}
    told = [encode(avatar).feeds(0, tiny.motion()) for avatar in cast[:2]]
    picture = graph.run(feeds | {name: value[None] for name, value in told[0].items()})["picture"]
    for name in ("masked", "mask", "anchor"):
        mixed = {**told[0], name: told[1][name]}
        other = graph.run(feeds | {name: value[None] for name, value in mixed.items()})["picture"]
        assert 255 * np.abs(other - picture).max() > 3
