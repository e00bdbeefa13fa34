"""What a pack says of itself is checked wherever it comes from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engines.diffusion.sd15.model import Sd15Model, frame_step_specs, latents_specs, tokens_specs

LIVE = Sd15Model("live", 256, 2, 0.5, 1.0, "plus", (257, 768), (16, 24960))
PAPER = replace(LIVE, mode="paper", resolution=512, steps=20, strength=1.0, guidance=7.5)


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "dream"}, {"adapter": "full"}, {"steps": 0}, {"strength": 0.0}, {"strength": 1.5}, {"guidance": 0.5},
        {"resolution": 250}, {"strength": 1.0}, {"guidance": 2.0},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_line(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|live begins") as refusal:
        replace(LIVE, **changes)
    assert len(str(refusal.value)) < 200


def test_live_takes_tokens_of_the_bank_and_paper_sees_for_itself() -> None:
    live, paper = ({spec.name for spec in frame_step_specs(model, 1)[0]} for model in (LIVE, PAPER))
    assert live - paper == {"tokens"}
    assert paper < live


def test_sizes_are_those_of_the_real_model() -> None:
    shapes = {spec.name: spec.shape for spec in frame_step_specs(LIVE, 4)[0]}
    assert shapes["noise"] == shapes["masked"] == (4, 4, 32, 32)
    assert shapes["anchor"] == shapes["tokens"] == (4, 257, 768)
    assert shapes["identity"] == (4, 16, 24960)
    assert [spec.shape for spec in latents_specs(PAPER)[1]] == [(1, 4, 64, 64), (1, 1, 64, 64)]
    assert [spec.name for spec in tokens_specs(PAPER)[1]] == ["tokens", "identity"]
