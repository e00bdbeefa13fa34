"""A critic that tells drawn pictures from true ones, square by square. It is trained beside the model and never ships.

After PatchGAN (arXiv 1611.07004) with the hinge loss and spectral norms (arXiv 1802.05957).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

CHANNELS = (32, 64, 96)  # at a half, a quarter and an eighth of the picture's size
RATE = 4e-4
SLOPE = 0.2  # of the rectifiers below 0


class Network(nn.Module):
    """A picture beside its structure frame (n, 3, S, S) each, in [-1, 1] → a verdict for each square of 8 pixels."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (6, *CHANNELS)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, after, 4, 2, padding=1))
            for before, after in zip(sizes, CHANNELS, strict=False)
        )
        self.verdict = spectral_norm(nn.Conv2d(CHANNELS[-1], 1, 3, padding=1))

    def forward(self, picture: Tensor, structure: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(n, 1, S/8, S/8), more is truer, and what each layer saw."""
        x, seen = torch.cat([picture, structure], dim=1), []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            seen.append(x)
        return self.verdict(x), seen


@dataclass(frozen=True, slots=True, eq=False)
class Critic:
    network: Network
    optimiser: torch.optim.Optimizer

    @classmethod
    def begin(cls, device: torch.device) -> Critic:
        network = Network().to(device, memory_format=torch.channels_last)
        return cls(network, torch.optim.Adam(network.parameters(), RATE, betas=(0.5, 0.99)))

    def parts(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return {"critic": self.network, "critic's optimiser": self.optimiser}

    def learn(self, picture: Tensor, target: Tensor, structure: Tensor, mask: Tensor) -> None:
        """One step. mask (n, 1, S/8, S/8): how much each verdict counts."""
        self.network.requires_grad_(True).train()
        false, _ = self.network(picture.detach(), structure)
        true, _ = self.network(target, structure)
        loss = weighed(F.relu(1 - true) + F.relu(1 + false), mask)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.network.requires_grad_(False).eval()  # the same pictures are then seen the same

    def judge(self, picture: Tensor, target: Tensor, structure: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """What a drawn picture is to make small: its falseness, and how differently it is seen from the truth."""
        verdict, seen = self.network(picture, structure)
        with torch.no_grad():
            _, wanted = self.network(target, structure)
        apart = [
            weighed((found.float() - true.float()).abs(), F.interpolate(mask, size=found.shape[2:]))
            for found, true in zip(seen, wanted, strict=True)
        ]
        return weighed(-verdict.float(), mask), torch.stack(apart).mean()


def weighed(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of values (n, c, h, w) by weight (n, 1, h, w)."""
    return (values.float() * weight).sum() / (weight.sum() * values.shape[1]).clamp(min=1e-6)
