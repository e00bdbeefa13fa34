"""One stream's way from structure frames to finished pictures, but for the network: what it is asked, and what becomes
of its answer. Knows nothing of presenters' loops, of sound or of time.

What is carried on is the difference that the network makes to the structure frame: it is smoothed by the Noise Sensor
without smearing the motion that was asked for, and can be laid over a picture of any size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.backends.batch_planner import BatchPlanner
from engines.diffusion.conditioning import as_input
from engines.diffusion.noise_sensor import Calibration, CorrelatedNoise, NoiseSensor, Prior
from engines.diffusion.structure_controller import LipGain
from engines.motion import LipMotion

SEED = 0  # every session draws the same noise: the same sound gives the same pictures
# The largest coefficient from which on the network's picture counts in full; at rest the presenter's own does.
FULL = 0.05
# What is left, one frame later, of what the network last made of a frame, where there is no time to ask it. Measured by
# benchmarks.quality: from one frame in two to one in six, PSNR and SSIM stay well above the structure frames' own.
FADE = 0.9
# Mean grey levels by which a structure frame must differ from the one drawn last. In running speech the network
# then draws 71 % of the frames, for 0.1 dB of likeness (benchmarks.quality, "network for every frame").
STILL = 1.25

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Parts:
    """The method's parts that work.

    noise_sensor: None for fresh noise in every frame, and no filter. still: mean grey levels by which a structure frame
    may differ from the one that the network drew last without being drawn too; 0: every frame is drawn.
    """

    structure_controller: bool = True
    noise_sensor: Prior | None = field(default_factory=Prior)
    still: float = 0.0

    @property
    def lookahead(self) -> int:
        """Frames by which the pictures are late."""
        return self.noise_sensor.kernel.lookahead if self.noise_sensor else 0


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A frame for the network. structure: (S, S, 3) uint8; feeds: its inputs by name, without the batch's axis."""

    structure: NDArray[np.uint8]
    feeds: dict[str, Floats]
    share: float  # of the network's picture, in [0, 1]


class Finish:
    """State of one stream: λ, noise, and what the Noise Sensor has learnt."""

    __slots__ = ("_asked", "_carried", "_gain", "_left", "_noise", "_parts", "_sensor", "_size")

    def __init__(self, parts: Parts, size: int, latent: tuple[int, ...]) -> None:
        """size: of the structure frames' side, pixels; latent: the shape of one frame's noise."""
        prior = parts.noise_sensor
        self._parts, self._size = parts, size
        self._gain = LipGain()
        self._noise = CorrelatedNoise(latent, prior.correlation if prior else 0.0, SEED)
        self._sensor = NoiseSensor(prior, size) if prior else None
        self._carried: Floats | None = None  # the latest difference, all of it and not smoothed …
        self._left = 1.0  # … what fading has left of it …
        self._asked: NDArray[np.uint8] | None = None  # … and the structure frame that it is of

    def reset(self) -> None:
        """Forget the frames before; the noise goes on."""
        self._gain.reset()
        self._carried = self._asked = None
        if self._sensor is not None:
            self._sensor.reset()

    def begin(self, calibration: Calibration | None) -> None:
        """What is known of the noise, if nothing was drawn yet."""
        if self._sensor is not None and calibration is not None:
            self._sensor.begin(calibration)

    def moved(self, structure: NDArray[np.uint8]) -> bool:
        """Must the network draw it, or does it hardly differ from the structure frame that it drew last?"""
        if self._asked is None:
            return True
        return cv2.norm(structure, self._asked, cv2.NORM_L1) >= self._parts.still * structure.size

    def ask(self, structure: NDArray[np.uint8], motion: LipMotion, conditions: Mapping[str, Floats]) -> Question:
        """conditions: what the network takes besides structure, lam and noise, by name."""
        gain = self._gain.step(motion.aperture)
        lam = np.array([gain if self._parts.structure_controller else 1.0], np.float32)
        feeds = {"structure": as_input(structure), "lam": lam, "noise": self._noise.step(), **conditions}
        return Question(structure, feeds, share(motion))

    def answer(self, question: Question, picture: Floats) -> Floats | None:
        """The difference for the frame that is due, (S, S, 3) in grey levels; None before there is one.

        picture: (3, S, S) in [0, 1], the network's.
        """
        drawn = cv2.merge(list(picture))
        drawn *= np.float32(255)
        difference = np.asarray(cv2.subtract(drawn, question.structure, dtype=cv2.CV_32F), np.float32)
        self._carried, self._left, self._asked = difference, 1.0, question.structure
        difference = scaled(difference, question.share)
        if self._sensor is None:
            return difference
        fake = np.asarray(cv2.convertScaleAbs(drawn), np.uint8)
        return self._sensor.step(difference, fake, question.structure)

    def rest(self, motion: LipMotion) -> Floats | None:
        """The same for a mouth at rest: it is the presenter's own."""
        self._carried = self._asked = None
        return self._not_asked(motion, np.zeros((self._size, self._size, 3), np.float32))

    def hold(self, motion: LipMotion) -> Floats | None:
        """The same where the mouth has hardly moved: what the network made of it before."""
        return self._carry(motion, 1.0)

    def fade(self, motion: LipMotion) -> Floats | None:
        """The same where there is no time for the network: what it last made of a frame, fading."""
        self._asked = None
        return self._carry(motion, FADE)

    def _carry(self, motion: LipMotion, left: float) -> Floats | None:
        if self._carried is None:
            return self.rest(motion)
        self._left *= left
        return self._not_asked(motion, scaled(self._carried, self._left * share(motion)))

    def _not_asked(self, motion: LipMotion, difference: Floats) -> Floats | None:
        self._gain.step(motion.aperture)
        self._noise.step()
        return difference if self._sensor is None else self._sensor.skip(difference)


def share(motion: LipMotion) -> float:
    """Of the network's picture, in [0, 1]: all of it but near rest."""
    return min(1.0, float(motion.coefficients.max()) / FULL)


def scaled(difference: Floats, by: float) -> Floats:
    """The same array where that changes nothing: nobody writes to it."""
    return difference if by == 1 else difference * np.float32(by)


def run_network(network: BatchPlanner, questions: Sequence[Question]) -> list[Floats]:
    """The network's pictures, (3, S, S) in [0, 1] each, in order."""
    return [answer["picture"] for answer in network.run([question.feeds for question in questions])]
