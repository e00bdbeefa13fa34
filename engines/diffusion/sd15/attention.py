"""How the UNet reads text and pictures: IP-Adapter's attention with precomputed keys and values. Has no weights.

Paper: IP-Adapter (arXiv 2308.06721). Unlike diffusers' processor, the scale of a picture is a tensor: an exported graph
takes it as an input, and a scale of 0 computes the branch as any other, so that none can be lost at export.
"""

from __future__ import annotations

from dataclasses import dataclass

from diffusers.models.attention_processor import Attention
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, slots=True, eq=False)
class Prompts:
    """What there is to read. text (1, n, width), lips and identity (rows, m, width): keys and values of all layers, one
    after the other; scale (rows, 2): of lips and identity."""

    text: Tensor
    lips: Tensor
    identity: Tensor
    scale: Tensor


class PromptAttention:
    """The processor of one cross-attention layer. start: where its keys begin in Prompts; channels: of them."""

    def __init__(self, start: int, channels: int) -> None:
        self.start, self.channels = start, channels

    def __call__(
        self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Prompts, attention_mask: None = None
    ) -> Tensor:
        """hidden_states (rows, pixels, channels) → the same. attention_mask is what diffusers passes: none.

        diffusers hands encoder_hidden_states on untouched, whatever it is.
        """
        prompts = encoder_hidden_states
        query = attn.to_q(hidden_states)
        text = prompts.text.expand(hidden_states.shape[0], -1, -1)
        read = self._read(query, text, attn.heads)
        read = read + prompts.scale[:, None, :1] * self._read(query, prompts.lips, attn.heads)
        read = read + prompts.scale[:, None, 1:] * self._read(query, prompts.identity, attn.heads)
        out: Tensor = attn.to_out[0](read)
        return out

    def _read(self, query: Tensor, both: Tensor, heads: int) -> Tensor:
        middle, end = self.start + self.channels, self.start + 2 * self.channels
        return attend(query, both[:, :, self.start : middle], both[:, :, middle:end], heads)


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Attention of several heads: query (rows, n, channels), key and value (rows, m, channels)."""

    def split(x: Tensor) -> Tensor:
        return x.unflatten(2, (heads, -1)).transpose(1, 2)

    scale = (query.shape[2] // heads) ** -0.5
    return (
        F.scaled_dot_product_attention(split(query), split(key), split(value), scale=scale).transpose(1, 2).flatten(2)
    )
