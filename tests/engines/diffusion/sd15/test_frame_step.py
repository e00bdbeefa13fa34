"""The frame steps are functions of their inputs, row by row; the Structure Controller leads what is guided alone."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("transformers")

import torch

from engines.diffusion.sd15.frame_step import LiveStep, PaperStep, frame_step
from engines.diffusion.sd15.model import Sd15Model, frame_step_specs
from tests.engines.diffusion.sd15.conftest import Folders
from tests.engines.diffusion.sd15.networks import drawn, network_of

CLOSE = 1e-4

Step = LiveStep | PaperStep


@pytest.fixture(
    scope="module", params=[("live", "plus"), ("live", "faceid-plus"), ("paper", "plus"), ("paper", "plain")]
)
def made(request: pytest.FixtureRequest, weights_of: Folders) -> tuple[Step, Sd15Model]:
    mode, kind = request.param
    network, model = network_of(weights_of(kind), mode, kind, steps=2)
    return frame_step(network, model).eval(), model


def run(step: Step, feeds: dict[str, Any]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = step(*feeds.values())
    return found


def test_rows_do_not_mix_and_a_batch_draws_what_single_rows_draw(made: tuple[Step, Sd15Model]) -> None:
    """The published code leads the wrong rows as soon as there are several frames in a batch."""
    step, model = made
    feeds = drawn(frame_step_specs(model, 3)[0])
    together = run(step, feeds)
    for row in range(3):
        alone = run(step, {name: value[row : row + 1] for name, value in feeds.items()})
        torch.testing.assert_close(together[row : row + 1], alone, atol=CLOSE, rtol=0)


def test_the_picture_is_in_range_and_nothing_is_random(made: tuple[Step, Sd15Model]) -> None:
    step, model = made
    feeds = drawn(frame_step_specs(model, 2)[0])
    picture = run(step, feeds)
    assert picture.shape == frame_step_specs(model, 2)[1][0].shape
    assert 0 <= picture.min() < picture.max() <= 1
    assert torch.equal(picture, run(step, feeds))


def test_every_input_matters(made: tuple[Step, Sd15Model]) -> None:
    step, model = made
    feeds = drawn(frame_step_specs(model, 2)[0])
    picture = run(step, feeds)
    unmoved = [name for name in feeds if (run(step, feeds | {name: feeds[name].flip(0)}) - picture).abs().max() < 1e-6]
    assert unmoved == []


def test_a_gain_of_one_leads_nowhere(made: tuple[Step, Sd15Model]) -> None:
    step, model = made
    feeds = drawn(frame_step_specs(model, 2)[0]) | {"lam": torch.ones(2, 1)}
    other = run(step, feeds | {"anchor": feeds["anchor"].flip(0)})
    assert torch.equal(other, run(step, feeds))


def test_only_guided_rows_are_led(weights_of: Folders) -> None:
    network, model = network_of(weights_of("plus"), "paper", "plus", steps=2)
    step = PaperStep(network, model)
    feeds = drawn(frame_step_specs(model, 3)[0])
    with torch.no_grad():
        tokens = step.viewer(feeds["structure"])
        led, unled = (
            step.with_unguided(step.prompts(tokens, feeds | {"lam": lam})).lips
            for lam in (feeds["lam"], torch.ones(3, 1))
        )
    assert torch.equal(led[:3], unled[:3])
    assert torch.equal(led[:3], network.unguided.expand(3, -1, -1))
    assert ((led[3:] - unled[3:]).abs().amax(dim=(1, 2)) > 0).all()


def test_only_patches_are_led_and_the_class_token_stays(weights_of: Folders) -> None:
    network, model = network_of(weights_of("plus"), "live", "plus")
    feeds = drawn(frame_step_specs(model, 2)[0])
    led = network.viewer.projection.lead(feeds["tokens"], feeds["anchor"], feeds["lam"])
    assert torch.equal(led[:, 0], feeds["tokens"][:, 0])
    wanted = (1 - feeds["lam"][:, None]) * feeds["anchor"] + feeds["lam"][:, None] * feeds["tokens"]
    torch.testing.assert_close(led[:, 1:], wanted[:, 1:])


def test_blending_before_or_after_the_first_half_of_the_projection_is_the_same(weights_of: Folders) -> None:
    """So the bank may keep the smaller tokens behind it."""
    network, _ = network_of(weights_of("plus"), "live", "plus")
    projection = network.viewer.projection
    one, other = torch.randn(2, 1, 17, 24)
    blended = projection.view(0.3 * one + 0.7 * other)
    torch.testing.assert_close(blended, 0.3 * projection.view(one) + 0.7 * projection.view(other))


def test_the_person_of_a_faceid_pack_is_in_its_queries(weights_of: Folders) -> None:
    network, _ = network_of(weights_of("faceid-plus"), "paper", "faceid-plus")
    own = network.viewer.projection.latents
    assert own.shape == (1, 4, 64)
    assert own.abs().max() > 0


def test_live_holds_no_weight_that_it_does_not_read(weights_of: Folders) -> None:
    network, model = network_of(weights_of("plus"), "live", "plus")
    names = [name for name, _ in LiveStep(network, model).named_parameters()]
    assert not any(name.startswith(("viewer.image_encoder", "vae")) for name in names)
