"""Per-stream state around the network: builds its inputs, applies its output. Knows no idle loop, audio or time.

The residual is the network's output minus the structure frame. It is what lasts from frame to frame: the Noise Sensor
smooths it without smearing the motion, it is reused where the network is skipped, and it fits a frame of any size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from engines.arrays import F32, U8
from engines.backends.batch_planner import BatchPlanner
from engines.diffusion.conditioning import as_input
from engines.diffusion.noise_sensor import Calibration, CorrelatedNoise, NoiseSensor, Prior
from engines.diffusion.structure_controller import LipGain
from engines.motion import LipMotion

SEED = 0  # every session draws the same noise: the same audio gives the same frames
# Largest coefficient of a motion from which on the network's output counts fully; at rest the idle loop does.
FULL_BLEND = 0.05
# Per-frame decay of the reused residual when there is no time for the network. Measured by benchmarks.quality: from one
# frame in two to one in six, PSNR and SSIM stay well above the structure frames' own.
DECAY = 0.9
# Mean grey levels by which a structure frame must differ from the last one that the network saw. In running speech the
# network then runs for 71 % of the frames, at 0.1 dB of PSNR (benchmarks.quality, "network for every frame").
REUSE_BELOW = 1.25


@dataclass(frozen=True, slots=True)
class MethodOptions:
    """Which parts of the method are on.

    noise_sensor: None for fresh noise in every frame, and no filter. reuse_below: mean grey levels; a structure frame
    that differs less from the last one that the network saw reuses its residual; 0: the network runs for every frame.
    """

    structure_controller: bool = True
    noise_sensor: Prior | None = field(default_factory=Prior)
    reuse_below: float = 0.0

    @property
    def lookahead(self) -> int:
        """Frames by which the filter delays what is shown."""
        return self.noise_sensor.kernel.lookahead if self.noise_sensor else 0


@dataclass(frozen=True, slots=True, eq=False)
class FrameStepInputs:
    """One frame for the network. structure: (S, S, 3) uint8; feeds: its inputs by name, without the batch's axis;
    blend_weight: of the network's output, in [0, 1]."""

    structure: U8
    feeds: dict[str, F32]
    blend_weight: float


class FrameRefiner:
    """State of one stream: λ, noise, the latest residual, and what the Noise Sensor has learnt.

    For each frame exactly one of: `prepare` then `apply`, `skip_at_rest`, `reuse`, `decay`.
    """

    __slots__ = ("_decay_factor", "_gain", "_noise", "_options", "_residual", "_sensor", "_size", "_structure")

    def __init__(self, options: MethodOptions, size: int, latent: tuple[int, ...]) -> None:
        """size: of the structure frames' side, pixels; latent: the shape of one frame's noise."""
        prior = options.noise_sensor
        self._options, self._size = options, size
        self._gain = LipGain()
        self._noise = CorrelatedNoise(latent, prior.correlation if prior else 0.0, SEED)
        self._sensor = NoiseSensor(prior, size) if prior else None
        self._residual: F32 | None = None  # the latest, at full weight and not smoothed
        self._decay_factor = 1.0  # by which it counts now
        self._structure: U8 | None = None  # the structure frame that it belongs to; None: the next one must be refined

    def reset(self) -> None:
        """Forget the frames before; the noise goes on."""
        self._gain.reset()
        self._residual = self._structure = None
        if self._sensor is not None:
            self._sensor.reset()

    def calibrate(self, calibration: Calibration | None) -> None:
        """Give the Noise Sensor its precomputed start, if no frame was refined yet."""
        if self._sensor is not None and calibration is not None:
            self._sensor.begin(calibration)

    def needs_network(self, structure: U8) -> bool:
        """Whether it differs enough from the structure frame that the residual belongs to. structure: (S, S, 3)."""
        if self._structure is None:
            return True
        return cv2.norm(structure, self._structure, cv2.NORM_L1) >= self._options.reuse_below * structure.size

    def prepare(self, structure: U8, motion: LipMotion, conditioning: Mapping[str, F32]) -> FrameStepInputs:
        """The network's inputs. conditioning: those besides structure, lam and noise, by name."""
        gain = self._gain.step(motion.aperture)
        lam = np.array([gain if self._options.structure_controller else 1.0], np.float32)
        feeds = {"structure": as_input(structure), "lam": lam, "noise": self._noise.step(), **conditioning}
        return FrameStepInputs(structure, feeds, blend_weight(motion))

    def apply(self, inputs: FrameStepInputs, output: F32) -> F32 | None:
        """The residual of the frame that is due, (S, S, 3) in grey levels; None while the filter's look-ahead fills.

        output: (3, S, S) in [0, 1], the network's.
        """
        drawn = cv2.merge(list(output))
        drawn *= np.float32(255)
        residual = np.asarray(cv2.subtract(drawn, inputs.structure, dtype=cv2.CV_32F), np.float32)
        self._residual, self._decay_factor, self._structure = residual, 1.0, inputs.structure
        residual = scaled(residual, inputs.blend_weight)
        if self._sensor is None:
            return residual
        fake = np.asarray(cv2.convertScaleAbs(drawn), np.uint8)
        return self._sensor.step(residual, fake, inputs.structure)

    def skip_at_rest(self, motion: LipMotion) -> F32 | None:
        """As apply, for a mouth at rest: its residual is 0."""
        self._residual = self._structure = None
        return self._skip(motion, np.zeros((self._size, self._size, 3), np.float32))

    def reuse(self, motion: LipMotion) -> F32 | None:
        """As apply, where the mouth has hardly moved: the latest residual."""
        return self._reused(motion, 1.0)

    def decay(self, motion: LipMotion) -> F32 | None:
        """As apply, where there is no time for the network: the latest residual, decaying."""
        self._structure = None
        return self._reused(motion, DECAY)

    def _reused(self, motion: LipMotion, factor: float) -> F32 | None:
        if self._residual is None:
            return self.skip_at_rest(motion)
        self._decay_factor *= factor
        return self._skip(motion, scaled(self._residual, self._decay_factor * blend_weight(motion)))

    def _skip(self, motion: LipMotion, residual: F32) -> F32 | None:
        self._gain.step(motion.aperture)
        self._noise.step()
        return residual if self._sensor is None else self._sensor.skip(residual)


def blend_weight(motion: LipMotion) -> float:
    """Of the network's output, in [0, 1]: 1 but near rest."""
    return min(1.0, float(motion.coefficients.max()) / FULL_BLEND)


def scaled(residual: F32, factor: float) -> F32:
    """The same array where the factor is 1: it is not written to."""
    return residual if factor == 1 else residual * np.float32(factor)


def run_network(network: BatchPlanner, inputs: Sequence[FrameStepInputs]) -> list[F32]:
    """The network's outputs, (3, S, S) in [0, 1] each, in order."""
    return [result["picture"] for result in network.run([each.feeds for each in inputs])]
