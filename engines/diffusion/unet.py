"""The inpainting UNet: diffusers' own, small, with the IP-Adapter's attention. Knows no sampler and no pictures.

Its group norms are taken out: at batch 1 on a CPU they took a quarter of its time, and layers that begin as nearly the
identity train without them.
"""

from __future__ import annotations

from diffusers import UNet2DConditionModel
from diffusers.models.resnet import ResnetBlock2D
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
        norm_num_groups=1,
    )
    processors: dict[str, SelfAttention | LipAttention] = {}
    for name in unet.attn_processors:
        channels = unet.get_submodule(name.removesuffix(".processor")).to_q.out_features
        crossed = name.endswith("attn2.processor")
        processors[name] = LipAttention(channels, architecture.context) if crossed else SelfAttention()
    unet.set_attn_processor(processors)
    without_norms(unet)
    # Near 0 at first: the structure frame's latents come out as they went in.
    nn.init.normal_(unet.conv_out.weight, std=1e-3)
    nn.init.zeros_(unet.conv_out.bias)
    return unet


def without_norms(unet: UNet2DConditionModel) -> None:
    """Put the identity in the place of every group norm, and begin with residual blocks that add little."""
    for name, module in list(unet.named_modules()):
        if isinstance(module, nn.GroupNorm):
            parent, _, leaf = name.rpartition(".")
            setattr(unet.get_submodule(parent), leaf, nn.Identity())
        elif isinstance(module, ResnetBlock2D):
            nn.init.normal_(module.conv2.weight, std=0.01)
            nn.init.zeros_(module.conv2.bias)
