"""IP-Adapter's way from CLIP's view of a picture to image tokens, in two halves, so that views can be blended between.

The first half is affine: tokens of a blend are the blend of the tokens, and the Structure Controller's line through
them the line through CLIP's own. Parameters have the names of the published files.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.diffusion.sd15.attention import attend
from engines.diffusion.structure_controller import refine

HEAD = 64  # channels of a head of the resampler, of every published adapter
PLAIN_TOKENS = 4  # image tokens of the plain adapter


class PlainProjection(nn.Module):
    """CLIP's image embedding (rows, 1, channels) → PLAIN_TOKENS image tokens."""

    def __init__(self, channels: int, context: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, PLAIN_TOKENS * context)
        self.norm = nn.LayerNorm(context)

    def view(self, embedding: Tensor) -> Tensor:
        """(rows, 1, channels) → (rows, PLAIN_TOKENS, context)."""
        return self.proj(embedding[:, 0]).unflatten(1, (PLAIN_TOKENS, -1))

    def lead(self, tokens: Tensor, anchor: Tensor, gain: Tensor) -> Tensor:
        """The Structure Controller on what view gives: here every token is of the whole picture."""
        return refine(tokens, anchor, gain)

    def image_tokens(self, tokens: Tensor) -> Tensor:
        """What view gives → (rows, PLAIN_TOKENS, context)."""
        normed: Tensor = self.norm(tokens)
        return normed


class PlusProjection(nn.Module):
    """CLIP's tokens (rows, n, channels), the class token first → image tokens, by a resampler.

    Its queries are learned; in the FaceID form they are of a person, worked out once.
    """

    def __init__(self, channels: int, width: int, inner: int, depth: int, queries: int, context: int) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.zeros(1, queries, width))
        self.proj_in = nn.Linear(channels, width)
        self.layers = nn.ModuleList(
            nn.ModuleList([PerceiverAttention(width, inner), feed_forward(width)]) for _ in range(depth)
        )
        self.proj_out = nn.Linear(width, context)
        self.norm_out = nn.LayerNorm(context)

    def view(self, hidden: Tensor) -> Tensor:
        """(rows, n, channels) → (rows, n, width)."""
        tokens: Tensor = self.proj_in(hidden)
        return tokens

    def lead(self, tokens: Tensor, anchor: Tensor, gain: Tensor) -> Tensor:
        """The Structure Controller on what view gives: patches are led, the class token stays as it is."""
        return torch.cat([tokens[:, :1], refine(tokens[:, 1:], anchor[:, 1:], gain)], dim=1)

    def image_tokens(self, tokens: Tensor) -> Tensor:
        """What view gives → (rows, queries, context)."""
        queries = self.latents.expand(tokens.shape[0], -1, -1)
        for attention, mlp in self.layers:
            queries = attention(tokens, queries) + queries
            queries = mlp(queries) + queries
        normed: Tensor = self.norm_out(self.proj_out(queries))
        return normed


class PerceiverAttention(nn.Module):
    """Queries read tokens and themselves."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.heads = inner // HEAD
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, width, bias=False)

    def forward(self, tokens: Tensor, queries: Tensor) -> Tensor:
        queries = self.norm2(queries)
        key, value = self.to_kv(torch.cat([self.norm1(tokens), queries], dim=1)).chunk(2, dim=2)
        out: Tensor = self.to_out(attend(self.to_q(queries), key, value, self.heads))
        return out


def feed_forward(width: int, wider: int = 4) -> nn.Sequential:
    hidden = wider * width
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, hidden, bias=False), nn.GELU(), nn.Linear(hidden, width, bias=False)
    )


class FaceQueries(nn.Module):
    """ArcFace's embedding of a person (rows, size) → queries of the FaceID-plus resampler (rows, queries, width)."""

    def __init__(self, size: int, hidden: int, queries: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.Linear(size, hidden), nn.GELU(), nn.Linear(hidden, queries * width))
        self.norm = nn.LayerNorm(width)
        self.queries = queries

    def forward(self, embedding: Tensor) -> Tensor:
        found: Tensor = self.norm(self.proj(embedding).unflatten(1, (self.queries, -1)))
        return found
