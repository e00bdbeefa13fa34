"""The frame step of Stable Diffusion packs, and the modules that precompute conditioning; they share weights.

From structure frame to picture as in the paper's figure: image tokens, Structure Controller, IP-Adapter, UNet, decoder.
Every condition and the noise are inputs, so each is a function; rows of a batch do not mix.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.diffusion.architecture import REDUCTION
from engines.diffusion.sampler import sample
from engines.diffusion.sd15.attention import Prompts
from engines.diffusion.sd15.model import LIVE, Sd15Model, frame_step_specs
from engines.diffusion.sd15.network import Network
from engines.diffusion.sd15.solvers import as_velocity, few_steps, solve, solver_levels

Given = Mapping[str, Tensor]


class _Denoiser(nn.Module):
    """What both modes share. Submodules keep the network's names, and with them its weights."""

    def __init__(self, network: Network, model: Sd15Model) -> None:
        super().__init__()
        self.names = tuple(spec.name for spec in frame_step_specs(model, 1)[0])
        self.unet, self.viewer, self.image_keys = network.unet, self.viewer_of(network), network.image_keys
        self.text = network.text

    def viewer_of(self, network: Network) -> nn.Module:
        """What is needed of it: weights that nothing reads would take a GPU's memory."""
        return network.viewer

    def forward(self, *given: Tensor) -> Tensor:
        """The picture (batch, 3, size, size) in [0, 1]; inputs as frame_step_specs states them, in that order."""
        return ((self.draw(dict(zip(self.names, given, strict=True))) + 1) / 2).clamp(0, 1)

    def draw(self, given: Given) -> Tensor:
        """The same in about [-1, 1], not clipped."""
        raise NotImplementedError

    def prompts(self, tokens: Tensor, given: Given) -> Prompts:
        """tokens: (batch, n, d) of the structure frame."""
        projection = self.viewer.projection
        led = projection.lead(tokens, given["anchor"], given["lam"])  # (batch, n, d)
        lips = self.image_keys(projection.image_tokens(led))  # (batch, m, width)
        return Prompts(self.text, lips, given["identity"], given["scale"])

    def noise_in(self, latents: Tensor, timestep: int, mask: Tensor, masked: Tensor, prompts: Prompts) -> Tensor:
        """ε of noised latents (rows, 4, h, w)."""
        nine = torch.cat([latents, mask, masked], dim=1)
        moment = torch.full((), timestep, device=latents.device)
        noise: Tensor = self.unet(nine, moment, prompts, return_dict=False)[0]
        return noise


class LiveStep(_Denoiser):
    """A few steps from the structure frame's latents, noised part-way; no guidance; tokens from the bank."""

    def __init__(self, network: Network, model: Sd15Model) -> None:
        super().__init__(network, model)
        self.steps = few_steps(model.steps, model.strength)
        self.tiny = network.tiny

    def viewer_of(self, network: Network) -> nn.Module:
        """Tokens come from the bank."""
        viewer = nn.Module()
        viewer.projection = network.viewer.projection
        return viewer

    def draw(self, given: Given) -> Tensor:
        begin = self.tiny.encoder(given["structure"])  # (batch, 4, h, w)
        prompts = self.prompts(given["tokens"], given)

        def predict(latents: Tensor, timestep: int) -> Tensor:
            return self.noise_in(latents, timestep, given["mask"], given["masked"], prompts)

        latents = sample(as_velocity(predict), begin, given["noise"], self.steps)  # (batch, 4, h, w)
        picture: Tensor = self.tiny.decoder(latents)  # (batch, 3, size, size)
        return picture


class PaperStep(_Denoiser):
    """Many steps from noise alone, guided; the structure frame is what the image encoder sees, in every frame."""

    def __init__(self, network: Network, model: Sd15Model) -> None:
        super().__init__(network, model)
        self.steps = solver_levels(model.steps)
        self.guidance = model.guidance
        self.vae = network.vae
        if self.guidance > 1:
            self.unguided = network.unguided

    def draw(self, given: Given) -> Tensor:
        prompts = self.prompts(self.viewer(given["structure"]), given)
        mask, masked = given["mask"], given["masked"]
        if self.guidance > 1:
            prompts = self.with_unguided(prompts)
            mask, masked = torch.cat([mask, mask]), torch.cat([masked, masked])

        def predict(latents: Tensor, timestep: int) -> Tensor:
            given_latents = latents.to(mask.dtype)
            if self.guidance == 1:
                return self.noise_in(given_latents, timestep, mask, masked, prompts)
            both = self.noise_in(torch.cat([given_latents, given_latents]), timestep, mask, masked, prompts).float()
            unguided, guided = both.chunk(2)  # (2 · batch, …): first all rows that are not guided, then all that are
            return unguided + self.guidance * (guided - unguided)

        # In single precision throughout: where noise is strong, a little of it is much of what is clean.
        latents = solve(predict, given["noise"].float(), self.steps) / self.vae.config.scaling_factor
        latents = latents.to(mask.dtype)  # (batch, 4, h, w)
        picture: Tensor = self.vae.decoder(self.vae.post_quant_conv(latents))  # (batch, 3, size, size)
        return picture

    def with_unguided(self, prompts: Prompts) -> Prompts:
        """Rows that see nothing, before the rows themselves."""
        nothing = self.unguided.expand(prompts.lips.shape[0], -1, -1)
        return Prompts(
            prompts.text,
            torch.cat([nothing, prompts.lips]),
            torch.cat([nothing, prompts.identity]),
            torch.cat([prompts.scale, prompts.scale]),
        )


def frame_step(network: Network, model: Sd15Model) -> LiveStep | PaperStep:
    return LiveStep(network, model) if model.mode == LIVE else PaperStep(network, model)


class Latents(nn.Module):
    """The presenter's crop as the inpainting UNet takes it: crop, mask → masked latents, the mask at their size."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.vae = network.vae

    def forward(self, crop: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        cells = drawn_cells(mask)
        moments = self.vae.quant_conv(self.vae.encoder(hide(crop, cells)))
        # The mode, not a sample: a sample would flicker from one frame of the loop to the next.
        mode, _ = moments.chunk(2, dim=1)
        return mode * self.vae.config.scaling_factor, cells


class Tokens(nn.Module):
    """A picture → its tokens for the bank, and the keys and values by which it says who is seen."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.viewer, self.image_keys = network.viewer, network.image_keys

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.viewer(picture)
        return tokens, self.image_keys(self.viewer.projection.image_tokens(tokens))


def drawn_cells(mask: Tensor) -> Tensor:
    """mask (rows, 1, size, size), weight of the drawn mouth → (rows, 1, h, w): 1 where any of it is drawn, else 0.

    The UNet learned of masks that are 0 or 1. A cell that is grey in part must not count as known.
    """
    return (F.max_pool2d(mask, REDUCTION) > 0).to(mask.dtype)


def hide(crop: Tensor, cells: Tensor) -> Tensor:
    """The crop, mid-grey (0 in [-1, 1]) where the mouth is drawn: as Stable Diffusion's inpainting learned it."""
    return crop * (1 - F.interpolate(cells, scale_factor=REDUCTION, mode="nearest"))
