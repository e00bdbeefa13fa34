"""The frame step is a function of its inputs, row by row, and each component does what it is there for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from engines.diffusion.architecture import Architecture  # noqa: E402  (they need torch)
from engines.diffusion.frame_step import Encode, FrameStep, hide, shrink  # noqa: E402
from engines.diffusion.pack import encode_specs, frame_step_specs  # noqa: E402
from tests.engines.diffusion.miniature import MODEL  # noqa: E402

Tensors = dict[str, Any]
CLOSE = 1e-4  # a fortieth of a grey level


@pytest.fixture(scope="module")
def network() -> FrameStep:
    torch.manual_seed(5)
    network = FrameStep(MODEL)
    network.eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    return network


@pytest.fixture
def feeds() -> Tensors:
    draw = torch.Generator().manual_seed(6)
    specs = frame_step_specs(MODEL.architecture, 4)[0]
    return {spec.name: torch.randn(spec.shape, generator=draw) for spec in specs}


def test_the_picture_is_in_range(network: FrameStep, feeds: Tensors) -> None:
    picture = network(**feeds)
    assert picture.shape == frame_step_specs(MODEL.architecture, 4)[1][0].shape
    assert 0 <= picture.min() < picture.max() <= 1


def test_nothing_is_random_inside(network: FrameStep, feeds: Tensors) -> None:
    assert torch.equal(network(**feeds), network(**feeds))


@pytest.mark.parametrize("row", range(4))
def test_a_row_alone_is_the_row_in_a_batch(network: FrameStep, feeds: Tensors, row: int) -> None:
    alone = network(**{name: value[row : row + 1] for name, value in feeds.items()})
    torch.testing.assert_close(network(**feeds)[row : row + 1], alone, atol=CLOSE, rtol=0)


@pytest.mark.parametrize("name", ["structure", "masked", "mask", "anchor", "noise", "lam"])
def test_every_input_matters(network: FrameStep, feeds: Tensors, name: str) -> None:
    other = network(**feeds | {name: feeds[name].flip(0)})
    assert (other - network(**feeds)).abs().max() > 10 * CLOSE


def test_with_a_gain_of_one_the_anchor_does_not_matter(network: FrameStep, feeds: Tensors) -> None:
    feeds["lam"] = torch.ones(4, 1)
    other = network(**feeds | {"anchor": feeds["anchor"].flip(0)})
    assert torch.equal(other, network(**feeds))


def test_the_class_token_is_not_led(network: FrameStep, feeds: Tensors) -> None:
    elsewhere = feeds["anchor"].clone()
    elsewhere[:, 0] += 100
    assert torch.equal(network(**feeds | {"anchor": elsewhere}), network(**feeds))


def test_an_anchor_that_is_the_frame_itself_leads_nowhere(network: FrameStep, feeds: Tensors) -> None:
    feeds["anchor"] = network.image_encoder(feeds["structure"])
    unled = network(**feeds | {"lam": torch.ones(4, 1)})
    torch.testing.assert_close(network(**feeds), unled, atol=CLOSE, rtol=0)


def test_an_untrained_unet_keeps_the_latents_it_begins_from(feeds: Tensors) -> None:
    """One step from little noise: the structure frame's latents, not noise, are where training begins."""
    torch.manual_seed(5)
    gentle = replace(MODEL, sampling=replace(MODEL.sampling, steps=1, strength=0.001))
    network = FrameStep(gentle).eval().requires_grad_(False)
    begin, features = network.encoder(feeds["structure"])
    expected = (network.decoder(begin, features, feeds["structure"]) + 1) / 2
    torch.testing.assert_close(network(**feeds), expected.clamp(0, 1), atol=0.02, rtol=0)


def test_the_unet_is_the_inpainting_one(network: FrameStep) -> None:
    assert network.unet.config["in_channels"] == 9
    assert network.unet.config["out_channels"] == 4


def test_encode_gives_what_the_frame_step_takes(network: FrameStep) -> None:
    (crop, mask), outputs = encode_specs(MODEL.architecture)
    given = Encode(network)(torch.zeros(crop.shape), torch.zeros(mask.shape))
    wanted = {spec.name: spec.shape for spec in frame_step_specs(MODEL.architecture, 1)[0]}
    assert [tuple(tensor.shape) for tensor in given] == [spec.shape for spec in outputs]
    assert [spec.shape for spec in outputs] == [wanted["masked"], wanted["mask"], wanted["anchor"]]


def test_masking_hides_the_mouth_and_nothing_else() -> None:
    crop, mask = torch.rand(1, 3, 16, 16) * 2 - 1, torch.zeros(1, 1, 16, 16)
    mask[:, :, 8:] = 1
    hidden = hide(crop, mask)
    assert (hidden[:, :, 8:] == -1).all()
    torch.testing.assert_close(hidden[:, :, :8], crop[:, :, :8])
    assert shrink(mask).tolist() == [[[[0, 0], [1, 1]]]]


@pytest.mark.parametrize("sizes", [{"size": 120}, {"unet": (64, 100)}, {"patch": 12}, {"head": 48}])
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|must be"):
        Architecture(**sizes)
