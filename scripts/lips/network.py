"""The lip network in torch: features of 40 ms chunks to coefficients and visemes, delayed as asked. For training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.motion import COEFFICIENTS, VISEMES
from engines.speech.features import FEATURES

HOPS = 4  # feature frames of a chunk
PAST_CHUNKS = 2  # chunks before the present one that the first layer sees
DELAYS = 9  # look-aheads 0, 20, … 160 ms, one-hot
WIDE, NARROW, MEMORY = 256, 192, 256
DROPOUT = 0.1  # of what passes between the layers, in training: without it the synthesisers are learnt by heart


class LipNetwork(nn.Module):
    """Two dense layers over 120 ms, two GRUs, two heads. Strictly causal: look-ahead is only a delayed target."""

    def __init__(self) -> None:
        super().__init__()
        chunk = HOPS * FEATURES
        self.wide = nn.Linear((PAST_CHUNKS + 1) * chunk + DELAYS, WIDE)
        self.narrow = nn.Linear(WIDE, NARROW)
        self.memory = nn.GRU(NARROW, MEMORY, num_layers=2, batch_first=True, dropout=DROPOUT)
        self.drop = nn.Dropout(DROPOUT)
        self.shape = nn.Linear(MEMORY, 128)
        self.coefficients = nn.Linear(128, len(COEFFICIENTS))
        self.visemes = nn.Linear(128, len(VISEMES))

    def forward(self, features: Tensor, delay: Tensor) -> tuple[Tensor, Tensor]:
        """features: (batch, chunks, 4 FEATURES), delay: (batch,) in steps of 20 ms.

        Returns coefficients (batch, chunks, 14) in [0, 1] and viseme logits (batch, chunks, 15); those of chunk i
        belong to the time 20 ms and the delay before its end.
        """
        earlier = [nn.functional.pad(features, (0, 0, k, 0))[:, : features.shape[1]] for k in range(PAST_CHUNKS, 0, -1)]
        asked = nn.functional.one_hot(delay, DELAYS).to(features.dtype)
        asked = asked[:, None].expand(-1, features.shape[1], -1)
        x = torch.relu(self.wide(torch.cat([*earlier, features, asked], dim=-1)))
        x = self.drop(torch.relu(self.narrow(x)))
        x, _ = self.memory(x)
        x = self.drop(x)
        with torch.autocast(x.device.type, enabled=False):  # what is put out keeps its 24 bits
            x = torch.relu(self.shape(x.float()))
            return torch.sigmoid(self.coefficients(x)), self.visemes(x)
