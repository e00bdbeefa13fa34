"""The trained lip encoder: a causal recurrent network on ONNX Runtime, one run a chunk. Knows no training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines.api import FRAME_RATE
from engines.motion import LipMotion
from engines.speech.api import FRAME_SAMPLES
from engines.speech.features import LogMel, Normaliser, silence_invalid
from engines.speech.mouth import (
    closed_mouth,
    lip_motion,
    rest_in_silence,
    round_fully,
    shut_at_closures,
    tuck_at_labiodentals,
)
from engines.speech.voice_gate import VoiceGate, VoiceGateStream, load_voice_gate

Array = NDArray[np.float32]

WEIGHTS = Path(__file__).with_name("weights") / "lips.onnx"
FRAME_MS = 1000 // FRAME_RATE
DELAY_STEP_MS = 20  # of the look-aheads that the network was trained for
LARGEST_DELAY_MS = 160


@dataclass(slots=True, eq=False)
class TrainedStream:
    """Recurrent state, spectral history and level normaliser of one session."""

    encoder: TrainedEncoder
    invalid_samples: int = 0
    _mel: LogMel = field(default_factory=LogMel)
    _normaliser: Normaliser = field(default_factory=Normaliser)
    _voice: VoiceGateStream = field(init=False)
    _held: Array = field(init=False)
    _state: dict[str, Array] = field(init=False)
    _calls: int = field(init=False)

    def __post_init__(self) -> None:
        self._voice = self.encoder.gate.open()
        self.reset()

    def reset(self) -> None:
        # The normaliser is kept: the talker and the microphone after an interruption are those from before it.
        self._mel.reset()
        self._voice.reset()
        self._held = np.zeros(self.encoder.held_samples, np.float32)
        self._state = self.encoder.initial_state()
        self._calls = 0

    def step(self, samples: Array) -> LipMotion:
        if samples.shape != (FRAME_SAMPLES,) or samples.dtype.kind != "f":
            raise ValueError(f"expected ({FRAME_SAMPLES},) float samples, got {samples.shape} {samples.dtype}")
        heard, invalid = silence_invalid(samples.astype(np.float32, copy=False))
        self.invalid_samples += invalid
        if self.encoder.held_samples:
            heard = np.concatenate([self._held, heard])
            heard, self._held = heard[:FRAME_SAMPLES], heard[FRAME_SAMPLES:]
        features = self._normaliser.step(self._mel.step(heard))  # (4, FEATURES)
        voice = self._voice.step(heard, features)
        coefficients, visemes = self.encoder.run(features.reshape(1, -1), self._state)
        self._calls += 1
        if self._calls <= self.encoder.lookahead_frames:
            return closed_mouth()
        round_fully(coefficients)
        rest_in_silence(coefficients, visemes)
        tuck_at_labiodentals(coefficients, visemes)
        shut_at_closures(coefficients, visemes)
        coefficients *= np.float32(voice)
        return lip_motion(coefficients, visemes)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedEncoder:
    """Weights and the look-ahead chosen at start; the same weights serve every look-ahead."""

    session: ort.InferenceSession
    gate: VoiceGate
    lookahead_ms: int

    @property
    def lookahead_frames(self) -> int:
        return -(-self.lookahead_ms // FRAME_MS)

    @property
    def held_samples(self) -> int:
        """Samples of each chunk left for the next: look-aheads of half a frame hear half a chunk less."""
        return (self.lookahead_frames * FRAME_MS - self.lookahead_ms) * FRAME_SAMPLES // FRAME_MS

    def open(self) -> TrainedStream:
        return TrainedStream(self)

    def initial_state(self) -> dict[str, Array]:
        """The inputs of the graph that a session carries, zero, and the look-ahead, one-hot."""
        state = {i.name: np.zeros(i.shape, np.float32) for i in self.session.get_inputs() if i.name != "chunk"}
        state["delay"][0, self.lookahead_ms // DELAY_STEP_MS] = 1
        return state

    def run(self, chunk: Array, state: dict[str, Array]) -> tuple[Array, Array]:
        """One chunk of features (1, 4 FEATURES) to coefficients (14,) and visemes (15,); state moves on."""
        coefficients, visemes, past, memory = self.session.run(None, {"chunk": chunk, **state})
        state["past"], state["memory"] = past, memory
        return coefficients[0], visemes[0]


def load_trained(lookahead_ms: int, weights: Path = WEIGHTS) -> TrainedEncoder:
    """Read the weights, for one thread.

    Raises:
        ValueError: the look-ahead is not 0, 20, … 160 ms.
        FileNotFoundError: the weights are missing.
    """
    if lookahead_ms % DELAY_STEP_MS or not 0 <= lookahead_ms <= LARGEST_DELAY_MS:
        raise ValueError(
            f"look-ahead must be 0 to {LARGEST_DELAY_MS} ms in steps of {DELAY_STEP_MS}, not {lookahead_ms}"
        )
    if not weights.exists():
        raise FileNotFoundError(
            f"{weights} is missing: reinstall, or build it with scripts/training/speech (see its model card)"
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    return TrainedEncoder(session, load_voice_gate(), lookahead_ms)
