"""The lip network in torch: features of 40 ms chunks to coefficients and visemes, delayed as asked. For training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.motion import COEFFICIENTS, VISEMES
from engines.speech.features import FEATURES, MELS

HOPS = 4  # feature frames of a chunk
PHASES = 2  # steps of a chunk in training: the same network hears each chunk twice, 20 ms apart
STRIDE = HOPS // PHASES  # feature frames of a step
HEARD = 12  # feature frames that a step's first layer hears, its own among them
DELAYS = 9  # look-aheads 0, 20, … 160 ms, one-hot
PATTERNS, WIDE, NARROW, MEMORY = 64, 256, 192, 256
CHANNELS, TIME_REACH, BAND_REACH, BAND_STRIDE = 32, 3, 5, 2  # of the first two convolutions
DEEP_REACH = 3  # bands that the third one reaches over
BANDS = MELS // BAND_STRIDE**2  # that the convolutions leave
SEEN, EDGES = 4, 64  # frames of the last convolution that a step sees, and what it makes of them
# What is served hears every chunk four times, 10 ms apart, and gives a mean, oldest first: four hearings of a sound err
# less than one. The oldest is 30 ms before the last.
VISEME_SHARES, COEFFICIENT_SHARES = (0.1, 0.1, 0.3, 0.5), (0.0, 0.0, 0.3, 0.7)
DROPOUT = 0.1  # of what passes between the layers, in training: without it the synthesisers are learnt by heart


class LipNetwork(nn.Module):
    """Dense layers over 120 ms beside convolutions over 100 ms, two GRUs, two heads.

    It takes a step every 20 ms. A GRU's memory is of the step before the last, so that the two steps of a chunk are
    two passes of one network over the same speech, half a chunk apart; what the step between has found is added.
    Strictly causal: look-ahead is only a delayed target.
    """

    def __init__(self) -> None:
        super().__init__()
        self.patterns = nn.Linear(HEARD * FEATURES + DELAYS, PATTERNS, bias=False)
        self.wide = nn.Linear(PATTERNS, WIDE)
        self.narrow = nn.Linear(WIDE, NARROW)
        # Unlike dense layers, convolutions know a sound in another voice or at another moment as the same sound.
        reach = {"kernel_size": (TIME_REACH, BAND_REACH), "stride": (1, BAND_STRIDE), "padding": (0, BAND_REACH // 2)}
        self.fine = nn.Conv2d(1, CHANNELS, **reach)
        self.coarse = nn.Conv2d(CHANNELS, CHANNELS, **reach)
        self.deep = nn.Conv2d(CHANNELS, CHANNELS, (TIME_REACH, DEEP_REACH), padding=(0, DEEP_REACH // 2))
        self.edges = nn.Linear(SEEN * CHANNELS * BANDS, EDGES)
        self.edges_narrow = nn.Linear(EDGES, NARROW, bias=False)
        self.memory0 = nn.GRU(NARROW, MEMORY, batch_first=True)
        self.between0 = nn.Parameter(torch.zeros(MEMORY))
        self.memory1 = nn.GRU(MEMORY, MEMORY, batch_first=True)
        self.between1 = nn.Parameter(torch.zeros(MEMORY))
        self.drop = nn.Dropout(DROPOUT)
        self.shape = nn.Linear(MEMORY, 128)
        self.coefficients = nn.Linear(128, len(COEFFICIENTS))
        self.visemes = nn.Linear(128, len(VISEMES))

    def forward(self, features: Tensor, delay: Tensor) -> tuple[Tensor, Tensor]:
        """features: (batch, chunks, 4 FEATURES), delay: (batch,) in steps of 20 ms.

        Returns coefficients (batch, 2 chunks, 14) in [0, 1] and viseme logits (batch, 2 chunks, 15), every 20 ms;
        those of a step belong to the time 20 ms and the delay before its end. Every second step ends with a chunk.
        """
        frames = features.reshape(len(features), -1, FEATURES)
        asked = nn.functional.one_hot(delay, DELAYS).to(features.dtype)
        asked = asked[:, None].expand(-1, frames.shape[1] // STRIDE, -1)
        heard = nn.functional.pad(frames, (0, 0, HEARD - STRIDE, 0))
        x = torch.relu(self.wide(self.patterns(torch.cat([_windows(heard, HEARD), asked], dim=-1))))
        x = torch.relu(self.narrow(x) + self.edges_narrow(self._edges(frames)))
        x = _remember(self.memory0, self.drop(x))
        x = _remember(self.memory1, self.drop(_with_last(x, self.between0)))
        x = self.drop(_with_last(x, self.between1))
        with torch.autocast(x.device.type, enabled=False):  # what is put out keeps its 24 bits
            x = torch.relu(self.shape(x.float()))
            return torch.sigmoid(self.coefficients(x)), self.visemes(x)

    def _edges(self, frames: Tensor) -> Tensor:
        """(batch, frames, FEATURES) to (batch, steps, EDGES)."""
        bands = nn.functional.pad(frames[..., :MELS], (0, 0, 3 * (TIME_REACH - 1) + SEEN - STRIDE, 0))
        found = torch.relu(self.coarse(torch.relu(self.fine(bands[:, None]))))  # (batch, CHANNELS, frames, BANDS)
        found = torch.relu(found[:, :, TIME_REACH - 1 :] + self.deep(found))
        return torch.relu(self.edges(_windows(found.transpose(1, 2).flatten(2), SEEN)))


def served(network: LipNetwork, features: Tensor, delay: Tensor) -> tuple[Tensor, Tensor]:
    """What chunks give, heard after each of their feature frames: two passes, one of them a frame late.

    features: (batch, chunks, 4 FEATURES), delay: (batch,) in steps of 20 ms. Coefficients (batch, chunks, 14) and
    visemes (batch, chunks, 15), which sum to 1.
    """
    late = nn.functional.pad(features.flatten(1), (FEATURES, -FEATURES)).view(features.shape)
    (coefficients_late, logits_late), (coefficients, logits) = (network(x, delay) for x in (late, features))
    visemes_late, visemes = torch.softmax(logits_late, dim=-1), torch.softmax(logits, dim=-1)
    return (
        _mean(coefficients_late, coefficients, COEFFICIENT_SHARES),
        _mean(visemes_late, visemes, VISEME_SHARES),
    )


def _mean(late: Tensor, found: Tensor, shares: tuple[float, ...]) -> Tensor:
    """(batch, steps, n) of both passes to (batch, chunks, n)."""
    by_time = torch.stack([late, found], dim=2).flatten(1, 2).unflatten(1, (-1, HOPS))
    mean: Tensor = (by_time * torch.tensor(shares)[:, None]).sum(dim=2)
    return mean


def _windows(frames: Tensor, length: int) -> Tensor:
    """(batch, frames, n) to (batch, steps, length n): length frames every STRIDE, oldest first."""
    return frames.unfold(1, length, STRIDE).transpose(2, 3).flatten(2)


def _remember(memory: nn.GRU, x: Tensor) -> Tensor:
    """(batch, steps, n) to (batch, steps, MEMORY): each phase of the chunks is a sequence of its own."""
    batch, steps, size = x.shape
    phases = x.view(batch, steps // PHASES, PHASES, size).transpose(1, 2).reshape(batch * PHASES, -1, size)
    found, _ = memory(phases)
    return found.view(batch, PHASES, steps // PHASES, -1).transpose(1, 2).reshape(batch, steps, -1)


def _with_last(x: Tensor, share: Tensor) -> Tensor:
    """Each step with a share of the step before it."""
    return x + share * nn.functional.pad(x, (0, 0, 1, 0))[:, :-1]
