"""What a pack of Stable Diffusion is, but for its weights: mode, sizes, steps, scales. Knows no tensors.

`live` begins from the structure frame's latents noised part-way and takes few steps; its lip tokens come from the bank
of the presenter. `paper` is the method as published: from noise alone, many steps, guided, an image encoder in every
frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from engines.backends.api import Specs, float_specs
from engines.diffusion.architecture import LATENT_CHANNELS, REDUCTION

LIVE, PAPER = "live", "paper"
MODES = (LIVE, PAPER)
PLAIN, PLUS, FACEID_PLUS = "plain", "plus", "faceid-plus"
ADAPTERS = (PLAIN, PLUS, FACEID_PLUS)

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sd15Model:
    """strength in (0, 1]: how far the structure frame's latents are noised; guidance: of classifier-free guidance, 1
    for none; adapter: which IP-Adapter.

    tokens: a picture's tokens and their channels, as the adapter's resampler takes them; prompt: image tokens of a
    picture, and the channels of their keys and values for all layers together. lip_scale, identity_scale: weight of
    what the UNet reads from the structure frame and from the presenter's picture. configs: of each part, by its name.
    """

    mode: str
    resolution: int
    steps: int
    strength: float
    guidance: float
    adapter: str
    tokens: tuple[int, int]
    prompt: tuple[int, int]
    lip_scale: float = 1.0
    identity_scale: float = 0.3
    configs: Mapping[str, Config] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mode not in MODES or self.adapter not in ADAPTERS:
            raise ValueError(f"expected a mode of {MODES} and an adapter of {ADAPTERS}: {self.mode}, {self.adapter}")
        if self.steps < 1 or not 0 < self.strength <= 1 or self.guidance < 1 or self.resolution % REDUCTION:
            found = f"{self.steps}, {self.strength}, {self.guidance}, {self.resolution}"
            raise ValueError(f"expected a step, a strength in (0, 1], guidance from 1 on, a side in eights: {found}")
        if self.mode == LIVE and (self.guidance != 1 or self.strength == 1):
            found = f"strength {self.strength}, guidance {self.guidance}"
            raise ValueError(f"live begins from the structure frame, strength < 1, and is not guided: {found}")

    @property
    def latent(self) -> tuple[int, int, int]:
        return LATENT_CHANNELS, self.resolution // REDUCTION, self.resolution // REDUCTION

    @property
    def per_frame_encoder(self) -> bool:
        """Whether the frame step encodes the structure frame itself, rather than taking tokens of the bank."""
        return self.mode == PAPER

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Sd15Model:
        """
        Raises:
            ValueError, TypeError, KeyError: it is not what to_json gives.
        """
        return cls(**{**value, "tokens": tuple(value["tokens"]), "prompt": tuple(value["prompt"])})


def frame_step_specs(model: Sd15Model, batch: int) -> tuple[Specs, Specs]:
    """Inputs and outputs of the frame step: of the embedded pack's, and

    tokens (live only): of the structure frame, blended from the bank; scale: of the lips and of the identity; identity:
    keys and values of the presenter's picture in every layer.
    """
    shapes: dict[str, tuple[int, ...]] = {
        "structure": (3, model.resolution, model.resolution),
        "masked": model.latent,
        "mask": (1, *model.latent[1:]),
        "tokens": model.tokens,
        "anchor": model.tokens,
        "lam": (1,),
        "noise": model.latent,
        "scale": (2,),
        "identity": model.prompt,
    }
    if model.per_frame_encoder:
        del shapes["tokens"]
    return float_specs(batch, shapes), float_specs(batch, {"picture": (3, model.resolution, model.resolution)})


def latents_specs(model: Sd15Model) -> tuple[Specs, Specs]:
    """crop: the avatar with the mouth at rest, RGB in [-1, 1]; mask: weight of the drawn mouth, [0, 1]. masked: latents
    of the crop, grey where the mouth is drawn; mask_latent: 1 where they are to be drawn."""
    shapes = {"crop": (3, model.resolution, model.resolution), "mask": (1, model.resolution, model.resolution)}
    return float_specs(1, shapes), float_specs(1, {"masked": model.latent, "mask_latent": (1, *model.latent[1:])})


def tokens_specs(model: Sd15Model) -> tuple[Specs, Specs]:
    """picture: RGB in [-1, 1]. tokens: for the bank; identity: keys and values in every layer."""
    shapes = {"picture": (3, model.resolution, model.resolution)}
    return float_specs(1, shapes), float_specs(1, {"tokens": model.tokens, "identity": model.prompt})
