"""The inpainting UNet: diffusers' own, small, with the IP-Adapter's attention. Knows no sampler and no pictures."""

from __future__ import annotations

from diffusers import UNet2DConditionModel
from torch import nn

from engines.diffusion.architecture import LATENT_CHANNELS, UNET_CHANNELS, Architecture
from engines.diffusion.ip_adapter import LipAttention, SelfAttention


def build_unet(architecture: Architecture) -> UNet2DConditionModel:
    """Nine channels in (noised latents, mask, masked latents), v out; random weights, lip attention in place.

    Each cross-attention reads the lip tokens too.
    """
    levels = len(architecture.unet)
    unet = UNet2DConditionModel(
        sample_size=architecture.latent[1],
        in_channels=UNET_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=architecture.unet,
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * (levels - 1),
        up_block_types=("CrossAttnUpBlock2D",) * (levels - 1) + ("UpBlock2D",),
        layers_per_block=1,
        cross_attention_dim=architecture.context,
        # diffusers' name notwithstanding, this is the number of heads of each level.
        attention_head_dim=tuple(max(1, channels // architecture.head) for channels in architecture.unet),
        norm_num_groups=architecture.norm_groups,
    )
    processors: dict[str, SelfAttention | LipAttention] = {}
    for name in unet.attn_processors:
        channels = unet.get_submodule(name.removesuffix(".processor")).to_q.out_features
        crossed = name.endswith("attn2.processor")
        processors[name] = LipAttention(channels, architecture.context) if crossed else SelfAttention()
    unet.set_attn_processor(processors)
    # Near 0 at first: the structure frame's latents come out as they went in.
    nn.init.normal_(unet.conv_out.weight, std=1e-3)
    nn.init.zeros_(unet.conv_out.bias)
    return unet
