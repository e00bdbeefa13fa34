"""Every part of a pack of Stable Diffusion as modules, built from its configuration. Knows no files.

The UNet's own keys and values of the text are not among them: the text is always empty, so what they would give is kept
instead. What IP-Adapter computes of image tokens for each layer is one product here.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import Tensor, nn

from engines.diffusion.sd15.attention import PromptAttention
from engines.diffusion.sd15.clip import ClipPixels, ClipSizes, ClipVision
from engines.diffusion.sd15.model import LIVE, PLAIN, Config, Sd15Model
from engines.diffusion.sd15.projection import PlainProjection, PlusProjection

TEXT_TOKENS = 77  # of a prompt, padded

Layers = tuple[tuple[str, int], ...]  # name of a cross-attention module and its channels, in IP-Adapter's order


class Network(nn.Module):
    """The weights of a pack, by name. Built on `meta`, so that no time goes into numbers that are thrown away."""

    def __init__(self, model: Sd15Model) -> None:
        super().__init__()
        configs = model.configs
        with torch.device("meta"):
            self.unet = build_unet(configs["unet"])
            context, (_, width) = configs["unet"]["cross_attention_dim"], model.prompt
            self.viewer = Viewer(model)
            self.image_keys = nn.Linear(context, width, bias=False)
            self.text = nn.Parameter(torch.empty(1, TEXT_TOKENS, width))
            self.vae = AutoencoderKL.from_config(configs["vae"])
            if model.mode == LIVE:
                self.tiny = AutoencoderTiny.from_config(configs["tiny"])
                del self.vae.decoder, self.vae.post_quant_conv
            if model.guidance > 1:
                self.unguided = nn.Parameter(torch.empty(1, *model.prompt))  # of CLIP's view of nothing
        self.viewer.pixels = ClipPixels(model.resolution, configs["image_encoder"]["image_size"])


class Viewer(nn.Module):
    """Pictures (rows, 3, size, size) in [-1, 1] → tokens as the bank keeps them; and on to image tokens."""

    pixels: nn.Module

    def __init__(self, model: Sd15Model) -> None:
        super().__init__()
        self.image_encoder = ClipVision(ClipSizes.from_config(model.configs["image_encoder"]))
        self.projection = build_projection(model.adapter, model.configs["projection"])
        self.whole = model.adapter == PLAIN

    def forward(self, picture: Tensor) -> Tensor:
        return self.of_pixels(self.pixels(picture))

    def of_pixels(self, pixels: Tensor) -> Tensor:
        """The same of pixels as CLIP takes them."""
        view = self.image_encoder.embedding if self.whole else self.image_encoder.hidden
        return self.projection.view(view(pixels))


def build_projection(adapter: str, sizes: Config) -> PlainProjection | PlusProjection:
    return PlainProjection(**sizes) if adapter == PLAIN else PlusProjection(**sizes)


def build_unet(config: Config) -> UNet2DConditionModel:
    """With this package's attention: keys and values of text are not in it."""
    unet = UNet2DConditionModel.from_config(dict(config))
    processors: dict[str, AttnProcessor2_0 | PromptAttention] = {}
    crossed, start = dict(cross_attentions(unet)), 0
    for name in unet.attn_processors:
        layer = name.removesuffix(".processor")
        if layer in crossed:
            processors[name] = PromptAttention(start, crossed[layer])
            start += 2 * crossed[layer]
            attention = unet.get_submodule(layer)
            del attention.to_k, attention.to_v
        else:
            processors[name] = AttnProcessor2_0()
    unet.set_attn_processor(processors)
    return unet


def cross_attentions(unet: UNet2DConditionModel) -> Layers:
    """In the order in which IP-Adapter numbers them: 1, 3, 5, …, for the odd ones among all attentions are crossed."""
    names = [name.removesuffix(".processor") for name in unet.attn_processors if name.endswith("attn2.processor")]
    return tuple((name, unet.get_submodule(name).to_q.out_features) for name in names)


def prompt_width(layers: Layers) -> int:
    """Channels of the keys and values of all layers together."""
    return 2 * sum(channels for _, channels in layers)
