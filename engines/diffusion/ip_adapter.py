"""The IP-Adapter: a picture's tokens, what they say of the lips, and the attention by which the UNet reads it.

Paper: IP-Adapter (arXiv 2308.06721), its "plus" form: an image encoder, a resampler to a few tokens, and keys and
values of their own beside the text's. There is no text here; one learned token stands for the empty prompt.
"""

from __future__ import annotations

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from engines.diffusion.architecture import Architecture

MLP = 2  # hidden channels of a layer, in channels


class Layer(nn.Module):
    """One layer of a transformer: attention over context (by default the tokens themselves), then an MLP."""

    def __init__(self, channels: int, head: int) -> None:
        super().__init__()
        self.heads = channels // head
        self.norm, self.context_norm, self.mlp_norm = (nn.LayerNorm(channels) for _ in range(3))
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.out = nn.Linear(channels, channels)
        self.mlp = nn.Sequential(nn.Linear(channels, MLP * channels), nn.GELU(), nn.Linear(MLP * channels, channels))

    def forward(self, tokens: Tensor, context: Tensor | None = None) -> Tensor:
        """tokens (batch, n, channels), context (batch, m, channels) → (batch, n, channels)."""
        context = tokens if context is None else context
        key, value = self.key_value(self.context_norm(context)).chunk(2, dim=2)
        tokens = tokens + self.out(attend(self.query(self.norm(tokens)), key, value, self.heads))
        return tokens + self.mlp(self.mlp_norm(tokens))


class ImageEncoder(nn.Module):
    """Pictures (batch, 3, size, size) in [-1, 1] → tokens (batch, n, d): the class token, then the patches."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        count, channels = architecture.tokens
        stride = architecture.patch // 8
        self.patches = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, 64, 3, 2, padding=1),
            nn.ReLU(),
            nn.Conv2d(64, channels, stride, stride),
        )
        self.token = nn.Parameter(torch.zeros(1, 1, channels))
        self.place = nn.Parameter(0.02 * torch.randn(1, count, channels))
        self.layers = nn.ModuleList(Layer(channels, architecture.head) for _ in range(architecture.depth))
        self.norm = nn.LayerNorm(channels)

    def forward(self, picture: Tensor) -> Tensor:
        patches = self.patches(picture).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(patches.shape[0], -1, -1), patches], dim=1) + self.place
        for layer in self.layers:
            tokens = layer(tokens)
        normed: Tensor = self.norm(tokens)
        return normed


class Resampler(nn.Module):
    """Tokens of a picture (batch, n, d) → the UNet's context (batch, 1 + lip_tokens, context): empty prompt first."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels = architecture.context
        self.prompt = nn.Parameter(0.02 * torch.randn(1, 1, channels))
        self.queries = nn.Parameter(0.1 * torch.randn(1, architecture.lip_tokens, channels))
        self.project = nn.Linear(architecture.token, channels)
        self.layer = Layer(channels, architecture.head)
        self.norm = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        queries = self.queries.expand(tokens.shape[0], -1, -1)
        lips = self.norm(self.layer(queries, self.project(tokens)))
        return torch.cat([self.prompt.expand(tokens.shape[0], -1, -1), lips], dim=1)


class LipAttention(nn.Module):
    """diffusers' attention processor with keys and values of the lip tokens' own beside the prompt's.

    Unlike diffusers' own for IP-Adapter it takes one tensor and has no branch, so that it exports as it is.
    """

    def __init__(self, channels: int, context: int) -> None:
        super().__init__()
        self.key = nn.Linear(context, channels, bias=False)
        self.value = nn.Linear(context, channels, bias=False)

    def __call__(
        self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor, attention_mask: None = None
    ) -> Tensor:
        """hidden_states (batch, pixels, channels), encoder_hidden_states as Resampler gives → like hidden_states.

        attention_mask is what diffusers passes where there is none.
        """
        prompt, lips = encoder_hidden_states[:, :1], encoder_hidden_states[:, 1:]
        # Of one token all is read, whatever is asked: the prompt needs no keys.
        read = attn.to_v(prompt) + attend(attn.to_q(hidden_states), self.key(lips), self.value(lips), attn.heads)
        out: Tensor = attn.to_out[0](read)
        return out


class SelfAttention:
    """diffusers' plain attention processor in fewer operations: on a CPU each costs some microseconds."""

    def __call__(
        self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: None = None, attention_mask: None = None
    ) -> Tensor:
        """hidden_states (batch, pixels, channels) → the same. The others are what diffusers passes where there is
        none."""
        query, key, value = attn.to_q(hidden_states), attn.to_k(hidden_states), attn.to_v(hidden_states)
        out: Tensor = attn.to_out[0](attend(query, key, value, attn.heads))
        return out


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Attention of several heads: query (batch, n, channels), key and value (batch, m, channels).

    Written out: for so few tokens on a CPU, torch's fused attention is several times slower backwards.
    """

    def split(x: Tensor) -> Tensor:
        return x.unflatten(2, (heads, -1)).transpose(1, 2)

    scores = split(query * (query.shape[2] // heads) ** -0.5) @ split(key).transpose(2, 3)
    return (scores.softmax(3) @ split(value)).transpose(1, 2).flatten(2)
