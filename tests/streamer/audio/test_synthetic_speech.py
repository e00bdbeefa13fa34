"""The synthetic voice: a sound without clicks at any frame rate."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.audio.synthetic_speech import synthetic_speech


@pytest.mark.parametrize("samples", [640, 533])  # of 25 and 30 frames a second
def test_it_goes_on_from_chunk_to_chunk(samples: int) -> None:
    chunks = list(synthetic_speech(samples, 50))
    assert [chunk.index for chunk in chunks] == list(range(50))
    steps = np.abs(np.diff(np.concatenate([chunk.samples for chunk in chunks])))
    assert steps[samples - 1 :: samples].max() <= steps.max(
        initial=0, where=np.arange(len(steps)) % samples != samples - 1
    )


def test_synthetic_speech_is_loud_and_not_clipped() -> None:
    sound = np.concatenate([chunk.samples for chunk in synthetic_speech(640, 200)])
    assert sound.dtype == np.float32
    assert 0.3 < np.abs(sound).max() < 1
