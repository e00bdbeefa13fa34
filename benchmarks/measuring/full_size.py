"""Frame steps of Stable Diffusion 1.5's full size with random weights, since speed does not depend on what they are.

The configurations are those of the published models; `MINIATURE` is the same network so small that tests can run it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from engines.diffusion.sd15.frame_step import LiveStep
from engines.diffusion.sd15.model import LIVE, PLAIN, PLUS, Config, Sd15Model
from engines.diffusion.sd15.network import Network, build_unet, cross_attentions, prompt_width

STRENGTH = 0.5  # of the first step's noise; any takes the same time
SEED = 0


@dataclass(frozen=True, slots=True)
class Sizes:
    """configs: of unet, vae, tiny, image_encoder, and of each adapter's projection; views: tokens of a picture and
    their channels, as each adapter takes them; image_tokens: what it makes of them."""

    configs: Mapping[str, Config]
    projections: Mapping[str, Config]
    views: Mapping[str, tuple[int, int]]
    image_tokens: Mapping[str, int]


def model_of(sizes: Sizes, resolution: int, steps: int, adapter: str = PLUS) -> Sd15Model:
    with torch.device("meta"):
        width = prompt_width(cross_attentions(build_unet(sizes.configs["unet"])))
    return Sd15Model(
        mode=LIVE,
        resolution=resolution,
        steps=steps,
        strength=STRENGTH,
        guidance=1.0,
        adapter=adapter,
        tokens=sizes.views[adapter],
        prompt=(sizes.image_tokens[adapter], width),
        configs={**sizes.configs, "projection": sizes.projections[adapter]},
    )


def network_of(model: Sd15Model, device: str) -> Network:
    """What a live frame step needs, and no more: the image encoder and the large autoencoder serve enrolment alone."""
    network = Network(model)
    network.requires_grad_(False)
    del network.vae, network.viewer.image_encoder, network.viewer.pixels
    if device == "meta":
        network.to("meta")
        return network
    network.to_empty(device=device)
    torch.manual_seed(SEED)
    for name, weight in network.named_parameters():
        stir(name, weight)
    return network


def stir(name: str, weight: torch.Tensor) -> None:
    """Numbers by which signals keep their size from layer to layer."""
    if weight.dim() > 1:
        weight.normal_(0, weight[0].numel() ** -0.5)
    elif name.endswith("bias"):
        weight.normal_(0, 0.02)
    else:  # of a norm
        weight.fill_(1.0)


def live_step(network: Network, model: Sd15Model) -> LiveStep:
    """Several models' steps may share one network: it does not depend on size and steps."""
    return LiveStep(network, model)


def _unet(**changes: Any) -> Config:
    return {
        "sample_size": 64,
        "in_channels": 9,
        "out_channels": 4,
        "block_out_channels": (320, 640, 1280, 1280),
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        "layers_per_block": 2,
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
        "norm_num_groups": 32,
    } | changes


def _vae(channels: tuple[int, ...], groups: int) -> Config:
    return {
        "block_out_channels": channels,
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 2,
        "latent_channels": 4,
        "norm_num_groups": groups,
    }


def _tiny(channels: int) -> Config:
    return {
        "encoder_block_out_channels": (channels,) * 4,
        "decoder_block_out_channels": (channels,) * 4,
        "num_encoder_blocks": (1, 3, 3, 3),
        "num_decoder_blocks": (3, 3, 3, 1),
    }


def _clip(hidden: int, layers: int, side: int, patch: int, whole: int) -> Config:
    return {
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 80 or 2,
        "image_size": side,
        "patch_size": patch,
        "projection_dim": whole,
        "hidden_act": "gelu",
    }


# Stable Diffusion 1.5 inpainting, TAESD, CLIP ViT-H/14, IP-Adapter and IP-Adapter plus.
FULL = Sizes(
    configs={
        "unet": _unet(),
        "vae": _vae((128, 256, 512, 512), 32),
        "tiny": _tiny(64),
        "image_encoder": _clip(1280, 32, 224, 14, 1024),
    },
    projections={
        PLAIN: {"channels": 1024, "context": 768},
        PLUS: {"channels": 1280, "width": 768, "inner": 768, "depth": 4, "queries": 16, "context": 768},
    },
    views={PLAIN: (4, 768), PLUS: (257, 768)},
    image_tokens={PLAIN: 4, PLUS: 16},
)

MINIATURE = Sizes(
    configs={
        "unet": _unet(
            sample_size=8,
            block_out_channels=(32, 64),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=32,
            attention_head_dim=4,
            norm_num_groups=8,
        ),
        "vae": _vae((8, 8, 8, 8), 4),
        "tiny": _tiny(8),
        "image_encoder": _clip(24, 3, 32, 8, 20),
    },
    projections={
        PLAIN: {"channels": 20, "context": 32},
        PLUS: {"channels": 24, "width": 64, "inner": 128, "depth": 1, "queries": 4, "context": 32},
    },
    views={PLAIN: (4, 32), PLUS: (17, 64)},
    image_tokens={PLAIN: 4, PLUS: 4},
)
