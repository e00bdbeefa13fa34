"""The lip network in torch: features of 40 ms chunks to coefficients and visemes, delayed as asked. For training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.motion import COEFFICIENTS, VISEMES
from engines.speech.features import FEATURES, MELS

HOPS = 4  # feature frames of a chunk: a step hears one chunk
HEARD = 12  # feature frames that the dense layer hears, the chunk's among them
DELAYS = 9  # look-aheads 0, 20, … 160 ms, one-hot
PATTERNS, NARROW, MEMORY = 128, 192, 216
FINE, COARSE = 16, 32  # channels of the first convolution, and of the second and third
TIME_REACH, BAND_REACH, DEEP_REACH = 3, 5, 3  # frames and bands of a convolution; bands of the third
BAND_STRIDE, TIME_STRIDE = 2, 2  # of the first two convolutions in bands; of the second in time
BANDS = MELS // BAND_STRIDE**2  # that the convolutions leave
SEEN, EDGES = 4, 64  # frames of 20 ms of the last convolution that a step sees, and what it makes of them
PAST = 11  # feature frames before a chunk that a step hears: two convolutions of 10 ms and two of 20 ms behind SEEN
DROPOUT = 0.1  # of what passes between the layers, in training: without it the synthesisers are learnt by heart


class LipNetwork(nn.Module):
    """A dense layer over 120 ms beside convolutions over 150 ms, two LSTMs, two heads.

    Strictly causal: look-ahead is only a delayed target.
    """

    def __init__(self) -> None:
        super().__init__()
        self.patterns = nn.Linear(HEARD * FEATURES + DELAYS, PATTERNS)
        # Unlike dense layers, convolutions know a sound in another voice or at another moment as the same sound.
        reach = {"kernel_size": (TIME_REACH, BAND_REACH), "padding": (0, BAND_REACH // 2)}
        self.fine = nn.Conv2d(1, FINE, stride=(1, BAND_STRIDE), **reach)
        self.coarse = nn.Conv2d(FINE, COARSE, stride=(TIME_STRIDE, BAND_STRIDE), **reach)
        self.deep = nn.Conv2d(COARSE, COARSE, (TIME_REACH, DEEP_REACH), padding=(0, DEEP_REACH // 2))
        self.edges = nn.Linear(SEEN * COARSE * BANDS, EDGES)
        self.narrow = nn.Linear(PATTERNS + EDGES, NARROW)
        self.memory0 = nn.LSTM(NARROW, MEMORY, batch_first=True)
        self.memory1 = nn.LSTM(MEMORY, MEMORY, batch_first=True)
        self.drop = nn.Dropout(DROPOUT)
        self.shape = nn.Linear(MEMORY, 128)
        self.coefficients = nn.Linear(128, len(COEFFICIENTS))
        self.visemes = nn.Linear(128, len(VISEMES))

    def forward(self, features: Tensor, delay: Tensor) -> tuple[Tensor, Tensor]:
        """features: (batch, chunks, 4 FEATURES), delay: (batch,) in steps of 20 ms.

        Returns coefficients (batch, chunks, 14) in [0, 1] and viseme logits (batch, chunks, 15); those of a chunk
        belong to the time 20 ms and the delay before its end.
        """
        frames = features.reshape(len(features), -1, FEATURES)
        asked = nn.functional.one_hot(delay, DELAYS).to(features.dtype)
        asked = asked[:, None].expand(-1, features.shape[1], -1)
        heard = nn.functional.pad(frames, (0, 0, HEARD - HOPS, 0))
        patterns = torch.relu(self.patterns(torch.cat([_windows(heard, HEARD, HOPS), asked], dim=-1)))
        x = torch.relu(self.narrow(torch.cat([patterns, self._edges(frames)], dim=-1)))
        x, _ = self.memory0(self.drop(x))
        x, _ = self.memory1(self.drop(x))
        x = self.drop(x)
        with torch.autocast(x.device.type, enabled=False):  # what is put out keeps its 24 bits
            x = torch.relu(self.shape(x.float()))
            return torch.sigmoid(self.coefficients(x)), self.visemes(x)

    def _edges(self, frames: Tensor) -> Tensor:
        """(batch, frames, FEATURES) to (batch, chunks, EDGES)."""
        bands = nn.functional.pad(frames[..., :MELS], (0, 0, PAST, 0))
        found = torch.relu(self.coarse(torch.relu(self.fine(bands[:, None]))))  # (batch, COARSE, frames / 2, BANDS)
        found = torch.relu(found[:, :, TIME_REACH - 1 :] + self.deep(found))
        return torch.relu(self.edges(_windows(found.transpose(1, 2).flatten(2), SEEN, HOPS // TIME_STRIDE)))


def _windows(frames: Tensor, length: int, stride: int) -> Tensor:
    """(batch, frames, n) to (batch, chunks, length n): length frames every stride, oldest first."""
    return frames.unfold(1, length, stride).transpose(2, 3).flatten(2)
