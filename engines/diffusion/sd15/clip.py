"""CLIP's image encoder, the part of it that IP-Adapter reads. Parameters have the names of the published files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.diffusion.sd15.attention import attend

MEAN, SPREAD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of CLIP's training pictures
ACTIVATIONS = ("gelu", "quick_gelu")


@dataclass(frozen=True, slots=True)
class ClipSizes:
    """As config.json of an image encoder states them."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    image_size: int
    patch_size: int
    projection_dim: int
    hidden_act: str
    layer_norm_eps: float = 1e-5

    @classmethod
    def from_config(cls, config: Any) -> ClipSizes:
        """
        Raises:
            KeyError, ValueError: a size is missing, or the activation is unknown.
        """
        sizes = cls(**{name: config[name] for name in cls.__slots__ if name in config})
        if sizes.hidden_act not in ACTIVATIONS:
            raise ValueError(f"hidden_act {sizes.hidden_act!r}: expected one of {ACTIVATIONS}")
        return sizes

    @property
    def tokens(self) -> int:
        return (self.image_size // self.patch_size) ** 2 + 1


class ClipVision(nn.Module):
    """Pixels (rows, 3, image_size, image_size), normalised → tokens of the last but one layer, or the embedding."""

    def __init__(self, sizes: ClipSizes) -> None:
        super().__init__()
        self.vision_model = _Transformer(sizes)
        self.visual_projection = nn.Linear(sizes.hidden_size, sizes.projection_dim, bias=False)

    def hidden(self, pixels: Tensor) -> Tensor:
        """(rows, tokens, hidden_size), the class token first: what the last layer takes."""
        model = self.vision_model
        tokens: Tensor = model.pre_layrnorm(model.embeddings(pixels))
        for layer in model.encoder.layers[:-1]:
            tokens = layer(tokens)
        return tokens

    def embedding(self, pixels: Tensor) -> Tensor:
        """(rows, 1, projection_dim)."""
        model = self.vision_model
        last = model.encoder.layers[-1](self.hidden(pixels))
        embedding: Tensor = self.visual_projection(model.post_layernorm(last[:, :1]))
        return embedding


class _Transformer(nn.Module):
    def __init__(self, sizes: ClipSizes) -> None:
        super().__init__()
        self.embeddings = _Embeddings(sizes)
        self.pre_layrnorm = nn.LayerNorm(sizes.hidden_size, sizes.layer_norm_eps)  # spelt so in every file
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(_Layer(sizes) for _ in range(sizes.num_hidden_layers))
        self.post_layernorm = nn.LayerNorm(sizes.hidden_size, sizes.layer_norm_eps)


class _Embeddings(nn.Module):
    def __init__(self, sizes: ClipSizes) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(sizes.hidden_size))
        self.patch_embedding = nn.Conv2d(3, sizes.hidden_size, sizes.patch_size, sizes.patch_size, bias=False)
        self.position_embedding = nn.Embedding(sizes.tokens, sizes.hidden_size)

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(pixels.shape[0], 1, -1)
        return torch.cat([first, patches], dim=1) + self.position_embedding.weight


class _Layer(nn.Module):
    def __init__(self, sizes: ClipSizes) -> None:
        super().__init__()
        channels = sizes.hidden_size
        self.self_attn = _SelfAttention(channels, sizes.num_attention_heads)
        self.layer_norm1 = nn.LayerNorm(channels, sizes.layer_norm_eps)
        self.layer_norm2 = nn.LayerNorm(channels, sizes.layer_norm_eps)
        self.mlp = nn.Module()
        self.mlp.fc1 = nn.Linear(channels, sizes.intermediate_size)
        self.mlp.fc2 = nn.Linear(sizes.intermediate_size, channels)
        self.quick = sizes.hidden_act == "quick_gelu"

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.self_attn(self.layer_norm1(tokens))
        hidden = self.mlp.fc1(self.layer_norm2(tokens))
        hidden = hidden * torch.sigmoid(1.702 * hidden) if self.quick else F.gelu(hidden)
        out: Tensor = tokens + self.mlp.fc2(hidden)
        return out


class _SelfAttention(nn.Module):
    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, tokens: Tensor) -> Tensor:
        read = attend(self.q_proj(tokens), self.k_proj(tokens), self.v_proj(tokens), self.heads)
        out: Tensor = self.out_proj(read)
        return out


class ClipPixels(nn.Module):
    """Pictures (rows, 3, size, size) in [-1, 1] → pixels as CLIP takes them: bicubic, anti-aliased, normalised.

    The resizing is linear in rows and columns, so it is two products with fixed matrices: they export as they are.
    """

    resize: Tensor
    mean: Tensor
    spread: Tensor

    def __init__(self, size: int, image_size: int) -> None:
        super().__init__()
        # Whole pictures of single white rows show what each row of the result takes from them.
        rows = F.interpolate(torch.eye(size)[None, None], (image_size, size), mode="bicubic", antialias=True)[0, 0]
        self.register_buffer("resize", rows.contiguous(), persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("spread", torch.tensor(SPREAD)[:, None, None], persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        small = (self.resize @ ((picture + 1) / 2) @ self.resize.T).clamp(0, 1)
        return (small - self.mean) / self.spread
