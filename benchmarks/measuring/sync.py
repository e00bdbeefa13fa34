"""Which sound each shown frame belongs to: the frames seen are matched with the lips that the engine must draw.

The mouth of frame k follows the sound from phase + k / rate on, phase being how the server's frames happen to lie
on the test audio. Both the phase and the number of the first frame are found by trying: the sequence of openings
fits only one way. From then on every shown frame tells how long its own sound took to become a picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring.audio_signal import SAMPLE_RATE, TestAudio
from benchmarks.measuring.traces import Trace
from engines.speech.api import LipEncoder
from engines.speech.lips import motions

PHASE_STEP_S = 0.004
FRAME_S = 0.040
LONGEST_DELAY_S = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """correlation: of seen and drawn openings, 0 to 1; delays: for each shown frame, seconds."""

    correlation: float
    delays: NDArray[np.float64]


def drawn_openings(encoder: LipEncoder, audio: TestAudio) -> dict[float, NDArray[np.float64]]:
    """phase → the lip opening of every frame, as the lip encoder hears the sound from that phase on."""
    drawn = {}
    for phase in np.arange(0, FRAME_S, PHASE_STEP_S):
        samples = np.ascontiguousarray(audio.samples[int(phase * SAMPLE_RATE) :: 3])
        drawn[float(phase)] = np.asarray([motion.aperture for motion in motions(encoder, samples)])
    return drawn


def match_frames(lips: Trace, numbers: Trace, sound_began: float, drawn: dict[float, NDArray[np.float64]]) -> Match:
    """Find what was shown when.

    lips: how open the mouth was in each shown frame; numbers: which frame each was, and perhaps later ones.
    sound_began: when the microphone played the test audio's first sample, on the same clock.
    """
    places = (numbers.values[: len(lips.values)] - numbers.values[0]).astype(int)
    latest = int((lips.times[0] - sound_began) / FRAME_S)
    best = Match(-1.0, np.zeros(0))
    for phase, openings in drawn.items():
        for first in range(max(0, latest - int(LONGEST_DELAY_S / FRAME_S)), latest + 1):
            if first + places[-1] >= len(openings):
                continue
            fit = float(np.corrcoef(lips.values, openings[first + places])[0, 1])
            if fit > best.correlation:
                began = sound_began + phase + (first + places) * FRAME_S
                best = Match(fit, lips.times - began)
    return best


def when_audio_began(heard: list[float], audio: TestAudio) -> float:
    """The moment of the test audio's first sample, from when its vowels were heard at the microphone.

    Raises:
        ValueError: what was heard is not the test audio.
    """
    onsets = np.asarray(audio.onsets)
    times = np.asarray(heard)
    best_error, best_start = np.inf, 0.0
    for first in range(len(onsets) - len(times) + 1):
        starts = times - onsets[first : first + len(times)]
        # Nine of ten must fit: a glitch of the fake microphone shifts a single vowel.
        error = float(np.percentile(np.abs(starts - np.median(starts)), 90))
        if error < best_error:
            best_error, best_start = error, float(np.median(starts))
    refuse_other_audio(best_error)
    return best_start


def still_began(began: float, heard: list[float], audio: TestAudio) -> float:
    """As `when_sound_began`, where it was known a minute ago: what hiccups and clocks have moved it to since.

    Raises:
        ValueError: what was heard is not the test audio.
    """
    onsets = np.asarray(audio.onsets)
    since = np.asarray(heard) - began
    nearest = onsets[np.argmin(np.abs(since[:, None] - onsets[None, :]), axis=1)]
    shift = float(np.median(since - nearest))
    refuse_other_audio(float(np.percentile(np.abs(since - nearest - shift), 90)))
    return began + shift


def refuse_other_audio(error_s: float) -> None:
    """error_s: how far vowels are from where the test audio has them, but for one in ten.

    Raises:
        ValueError: too far for the test audio.
    """
    if error_s > 0.05:
        raise ValueError(f"the microphone did not play the test audio: its vowels are {error_s:.3f} s off")
