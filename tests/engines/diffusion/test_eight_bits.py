"""The frame step in 8 bits, of the pack that ships: as the runtime computes it fast, step by step, and in floats."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from engines.backends.api import Tensors
from engines.backends.registry import INT8
from engines.diffusion.conditioning import as_input, crop_mask, crops_at_rest, encode_crops
from engines.diffusion.pack import FRAME_STEP_INT8, SHIPPED, Pack, load_pack
from engines.face.avatar import FaceAvatar
from engines.face.structurist import StructureFrames
from engines.loader import Presenters
from engines.motion import COEFFICIENTS, VISEMES, LipMotion

OPENINGS = (0.1, 0.4, 0.8)
LEVEL = 1 / 255


@pytest.fixture(scope="module")
def presenter() -> FaceAvatar:
    presenters = Presenters()
    return presenters.load(next(iter(presenters.all)))


@pytest.fixture(scope="module")
def eight() -> Pack:
    return load_pack(threads=1, precision=INT8)


@pytest.fixture(scope="module")
def given(presenter: FaceAvatar, eight: Pack) -> list[Tensors]:
    """What the network is asked of a presenter who opens the mouth."""
    size, draw = eight.manifest.size, np.random.default_rng(5)
    conditions = encode_crops(eight.encode, crops_at_rest(presenter, size)[:1], crop_mask(presenter.face, size))
    frames = StructureFrames(presenter.face, size)
    found = []
    for opening in OPENINGS:
        structure = frames.draw(presenter.loop[0], presenter.face.alignment[0], opened(opening))
        feeds = conditions.feeds(0, opened(opening))
        feeds |= {"structure": as_input(structure), "lam": np.ones(1, np.float32)}
        feeds["noise"] = draw.standard_normal(feeds["masked"].shape).astype(np.float32)
        found.append({name: value[None] for name, value in feeds.items()})
    return found


def opened(opening: float) -> LipMotion:
    coefficients = np.zeros(len(COEFFICIENTS), np.float32)
    coefficients[COEFFICIENTS.index("jawOpen")] = opening
    return LipMotion(coefficients, opening, 0.0, np.eye(len(VISEMES), dtype=np.float32)[VISEMES.index("aa")])


def test_with_its_steps_joined_it_draws_what_it_draws_step_by_step(eight: Pack, given: list[Tensors]) -> None:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    plain = ort.InferenceSession(str(SHIPPED / FRAME_STEP_INT8), options, providers=["CPUExecutionProvider"])
    for feeds in given:
        fast, slow = eight.frame_steps[1].run(feeds)["picture"], plain.run(None, feeds)[0]
        # Sums are taken in another order: values between two of 256 steps fall to the other side, and layers carry that
        # on, as far as from the picture in single precision.
        assert np.abs(fast - slow).mean() < LEVEL


def test_it_draws_what_single_precision_draws(eight: Pack, given: list[Tensors], presenter: FaceAvatar) -> None:
    single = load_pack(threads=1, batches=(1,))
    weight = crop_mask(presenter.face, eight.manifest.size)
    for feeds in given:
        difference = weight * np.abs(
            eight.frame_steps[1].run(feeds)["picture"] - single.frame_steps[1].run(feeds)["picture"]
        )
        assert 0 < difference.mean() < LEVEL
        assert difference.max() < 16 * LEVEL


def test_a_row_of_a_batch_is_the_row_alone(eight: Pack, given: list[Tensors]) -> None:
    alone = [eight.frame_steps[1].run(feeds)["picture"] for feeds in given[:2]]
    together = eight.frame_steps[2].run({name: np.concatenate([each[name] for each in given[:2]]) for name in given[0]})
    assert np.abs(together["picture"] - np.concatenate(alone)).mean() < LEVEL


def test_weights_have_7_bits_so_that_no_processor_overflows() -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(SHIPPED / FRAME_STEP_INT8)
    weights = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.INT8]
    large = [onnx.numpy_helper.to_array(tensor) for tensor in weights if len(tensor.dims) == 4]
    assert len(large) > 20
    assert max(int(np.abs(each.astype(int)).max()) for each in large) == 64
