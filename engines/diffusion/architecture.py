"""The sizes of the embedded model, as a pack's manifest states them. Knows no tensors."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

LATENT_CHANNELS = 4  # as Stable Diffusion's
REDUCTION = 8  # pixels of a side to one latent
UNET_CHANNELS = 2 * LATENT_CHANNELS + 1  # noised latents, mask, masked latents: the inpainting UNet's nine


@dataclass(frozen=True, slots=True)
class Architecture:
    """size: pixels of the picture's side; autoencoder: channels at a quarter and an eighth of it.

    patch: pixels of a token's side; token: channels of a token; depth: layers of the image encoder; lip_tokens: what
    the IP-Adapter makes of all tokens; context: channels of those; unet: channels per level, the first without
    attention; head: channels of an attention head, dividing token, context and the other levels' channels.
    """

    size: int = 128
    autoencoder: tuple[int, int] = (48, 64)
    patch: int = 16
    token: int = 128
    depth: int = 1
    lip_tokens: int = 16
    context: int = 128
    unet: tuple[int, ...] = (32, 64, 64)
    head: int = 32

    def __post_init__(self) -> None:
        side = self.size // REDUCTION
        if self.size % self.patch or side * REDUCTION != self.size or side % 2 ** (len(self.unet) - 1):
            raise ValueError(f"size {self.size} must be a multiple of {self.patch} and divide by the levels: {self}")
        if self.patch % 8:
            raise ValueError(f"expected a patch of eights: {self}")
        if any(channels % self.head for channels in (self.token, self.context, *self.unet[1:])):
            raise ValueError(f"expected token, context and UNet channels in multiples of {self.head}: {self}")

    @property
    def latent(self) -> tuple[int, int, int]:
        return LATENT_CHANNELS, self.size // REDUCTION, self.size // REDUCTION

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens of a picture, the class token first, and their channels."""
        return (self.size // self.patch) ** 2 + 1, self.token


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the few steps run. strength in (0, 1]: how far the structure frame's latents are noised to begin with."""

    steps: int = 1
    strength: float = 0.15

    def __post_init__(self) -> None:
        if self.steps < 1 or not 0 < self.strength <= 1:
            raise ValueError(f"expected a step or more and a strength in (0, 1], got {self}")


@dataclass(frozen=True, slots=True)
class Model:
    """Everything but the weights."""

    architecture: Architecture = field(default_factory=Architecture)
    sampling: Sampling = field(default_factory=Sampling)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Model:
        """
        Raises:
            ValueError, TypeError, KeyError: it is not what to_json gives.
        """
        sizes: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value["architecture"].items()}
        return cls(Architecture(**sizes), Sampling(**value["sampling"]))
