"""How true is the Structurist? Against rendered truth of people it has never seen. Table, then one line of JSON.

Usage: python -m benchmarks.structurist [--facekit ../shared/ict_facekit] [--identities 12] [--json FILE]

Identities are those that a dataset of the seed would hold out for tests. Lengths are in inter-ocular distances; the
truth of a landmark is the projection of the face model's vertex in the picture.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring.report import publish, surroundings
from engines.motion import COEFFICIENTS, LipMotion
from scripts.training.heads.model import load_facekit
from scripts.training.mouth_data.person import random_person
from scripts.training.mouth_data.photo_session import LIPS, HeadPose, PhotoSession, with_sway
from scripts.training.mouth_data.plan import PersonId
from scripts.training.mouth_data.region import Region, build_region
from scripts.training.mouth_data.sample import Subject, enrol, sample, spoken
from scripts.training.mouth_data.texture import paint_skin
from scripts.training.mouth_data.warped_landmarks import WarpedLandmarks
from scripts.training.speech.random_motions import free, random_motion, speech, unspoken

YAWS = (0, 10, 25)  # degrees, to either side alternately
SPEECH_FRAMES = 100  # of a clip of invented speech
SHAPES, SHAPE_FRAMES = 12, 8  # of a clip of free shapes: how many, and frames from one to the next
PICTURES = 4  # of each identity and yaw
ERROR_BAR, PCLD_BAR, TIME_BAR = 3.0, 0.95, 2.0
UPPER_MIDDLE, LOWER_MIDDLE = 14, 18  # 62 and 66 of the 68

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Tally:
    """errors: % of the inter-ocular distance, a landmark each; pcld: a clip each; psnr: dB, a picture each.

    openings: heights of the opening in the lips' middle, seen in the truth's picture and drawn, inter-ocular distances.
    """

    errors: list[Floats] = field(default_factory=list)
    pcld: list[float] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)
    mouth_psnr: list[float] = field(default_factory=list)
    openings: list[tuple[float, float]] = field(default_factory=list)

    def summary(self) -> dict[str, float]:
        errors = np.concatenate(self.errors)
        seen, drawn = np.array(self.openings).T
        return {
            "landmark_error_mean": float(errors.mean()),
            "landmark_error_p95": float(np.percentile(errors, 95)),
            "outer_lip_error_mean": float(errors[:, :12].mean()),
            "inner_lip_error_mean": float(errors[:, 12:].mean()),
            "pcld": float(np.mean(self.pcld)),
            "pcld_worst": float(np.min(self.pcld)),
            "seen_opening_error_mean": float(100 * np.abs(seen - drawn).mean()),
            "seen_opening_correlation": float(np.corrcoef(seen, drawn)[0, 1]),
            "psnr_in_mask": float(np.mean(self.psnr)),
            "psnr_of_mouth": float(np.mean(self.mouth_psnr)),
        }


def enrolled_subject(region: Region, person_id: PersonId, yaw: float, size: int = 128) -> Subject:
    """The identity before a camera without noise, turned by yaw."""
    person = random_person(person_id.draw(0))
    draw = person_id.draw(1)
    session = PhotoSession(region, person, paint_skin(person), draw, size, HeadPose(yaw=yaw))
    session.camera = replace(session.camera, size=session.raster, shot_noise=0.0, read_noise=0.0, quality=0)
    return enrol(session, draw, size)


def true_landmarks(subject: Subject, motion: LipMotion) -> Floats:
    """(20, 2) crop coordinates."""
    session = subject.session
    posed = session.region.lips.pose(session.head, spoken(session.rest, motion))
    marks = session.view(posed[session.head.landmarks68[LIPS]])
    return np.asarray(session.crop.from_pixels(marks))


def warped_landmarks(subject: Subject) -> WarpedLandmarks:
    at_rest = unspoken(np.zeros(len(COEFFICIENTS), np.float32))
    return WarpedLandmarks(subject.face, true_landmarks(subject, at_rest))


def follow(subject: Subject, motions: list[LipMotion], tally: Tally) -> None:
    """Landmark errors and the correlation of the lip distance over a clip."""
    carried = warped_landmarks(subject)
    truth = np.stack([true_landmarks(subject, motion) for motion in motions])
    drawn = np.stack([carried(motion.coefficients) for motion in motions])
    tally.errors.append(100 * np.linalg.norm(drawn - truth, axis=2) / float(subject.face.interocular))
    opening, opened = (np.linalg.norm(row[:, UPPER_MIDDLE] - row[:, LOWER_MIDDLE], axis=1) for row in (truth, drawn))
    tally.pcld.append(float(np.corrcoef(opening, opened)[0, 1]))


def compare(subject: Subject, motion: LipMotion, draw: np.random.Generator, tally: Tally) -> None:
    """A structure frame and the rendered truth of the same frame, the head having swayed since the avatar was made."""
    drawn = sample(subject, motion, with_sway(subject.session.head_pose, draw), draw)
    squares = ((drawn.structure.astype(np.float64) - drawn.target) ** 2).mean(axis=2)
    mouth = np.asarray(cv2.dilate(drawn.regions[..., (0, 2)].max(axis=2), np.ones((9, 9), np.uint8)), np.uint8)
    tally.psnr.append(_psnr(squares, drawn.mask))
    tally.mouth_psnr.append(_psnr(squares, mouth))
    size = len(mouth)
    x = float(drawn.landmarks[[UPPER_MIDDLE, LOWER_MIDDLE], 0].mean())
    seen = float(drawn.regions[:, int(np.clip(x * size, 0, size - 1)), 2].sum(dtype=np.float64)) / 255 / size
    opened = warped_landmarks(subject).opening(motion.coefficients, x)
    tally.openings.append((seen / float(drawn.interocular), opened / float(drawn.interocular)))


def frame_times(subject: Subject, motions: list[LipMotion], rounds: int = 3) -> dict[str, float]:
    """Milliseconds of one 128 px structure frame, one thread; the wall's include what else the machine does."""
    picture = subject.session.picture(subject.session.rest, subject.session.head_pose, np.random.default_rng(0)).image
    alignment = subject.face.alignment[0]
    for motion in motions[:5]:
        subject.frames.draw(picture, alignment, motion)
    laps, began = [], time.process_time()
    for motion in motions * rounds:
        lap = time.perf_counter()
        subject.frames.draw(picture, alignment, motion)
        laps.append(1000 * (time.perf_counter() - lap))
    cpu = 1000 * (time.process_time() - began) / len(laps)
    return {"cpu_ms": cpu, "wall_ms_p50": float(np.median(laps)), "wall_ms_p95": float(np.percentile(laps, 95))}


def measure(region: Region, identities: int, seed: int) -> dict[str, Any]:
    by_yaw: dict[str, dict[str, float]] = {}
    everything = Tally()
    for yaw in YAWS:
        tally = Tally()
        for number in range(identities):
            person_id = PersonId(seed, "test", number)
            subject = enrolled_subject(region, person_id, yaw if number % 2 else -yaw)
            draw = person_id.draw(2)
            follow(subject, speech(draw, SPEECH_FRAMES), tally)
            follow(subject, free(draw, SHAPES, SHAPE_FRAMES), tally)
            for _ in range(PICTURES):
                compare(subject, random_motion(draw), draw, tally)
        by_yaw[str(yaw)] = tally.summary()
        for name in ("errors", "pcld", "psnr", "mouth_psnr", "openings"):
            getattr(everything, name).extend(getattr(tally, name))
    times = frame_times(subject, speech(np.random.default_rng(0), SPEECH_FRAMES))
    return {"identities": identities, "seed": seed, **everything.summary(), "yaw": by_yaw, "frame": times}


def table(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = [
        ("lip landmark error, mean", f"{result['landmark_error_mean']:.2f} %", f"≤ {ERROR_BAR:g} %"),
        ("lip landmark error, p95", f"{result['landmark_error_p95']:.2f} %", ""),
        ("PCLD", f"{result['pcld']:.3f}", f"≥ {PCLD_BAR}"),
        ("opening seen in the picture, mean error", f"{result['seen_opening_error_mean']:.2f} %", ""),
        ("opening seen in the picture, correlation", f"{result['seen_opening_correlation']:.3f}", ""),
        ("structure frame, processor", f"{result['frame']['cpu_ms']:.2f} ms", f"≤ {TIME_BAR:g} ms"),
        ("structure frame, wall, median", f"{result['frame']['wall_ms_p50']:.2f} ms", f"≤ {TIME_BAR:g} ms"),
    ]
    for yaw, found in result["yaw"].items():
        rows.append((f"yaw {yaw}°: error, mean and p95",
                     f"{found['landmark_error_mean']:.2f}, {found['landmark_error_p95']:.2f} %", ""))  # fmt: skip
        rows.append((f"yaw {yaw}°: PCLD", f"{found['pcld']:.3f}", ""))
        rows.append((f"yaw {yaw}°: PSNR in the mask, of the mouth",
                     f"{found['psnr_in_mask']:.1f}, {found['psnr_of_mouth']:.1f} dB", ""))  # fmt: skip
    return rows


def _psnr(squares: Floats, weight: NDArray[np.uint8]) -> float:
    mean = (squares * weight).sum() / max(float(weight.sum(dtype=np.float64)), 1.0)
    return float(10 * np.log10(255**2 / max(mean, 1e-3)))


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="how true is the Structurist?")
    parser.add_argument(
        "--facekit", type=Path, default=Path("../shared/ict_facekit"), help="the ICT face model's folder"
    )
    parser.add_argument("--identities", type=int, default=12)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    result = measure(build_region(load_facekit(options.facekit)), options.identities, options.seed)
    result |= surroundings()
    publish(result, table(result), options.json)


if __name__ == "__main__":
    main()
