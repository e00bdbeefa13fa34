"""Render a presenter: python -m scripts.tools.render_presenter mira --out engines/presenters

Finished frames stay under --work, so that a stopped run goes on where it was. The same appearance, seed and samples
give the same pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.face.avatar import load_avatar
from scripts.training.heads.camera import Camera, frame_face
from scripts.training.heads.figure import Figure
from scripts.training.heads.frame_pose import FramePose
from scripts.training.heads.idle import Idle, idle, resting
from scripts.training.heads.model import OUTER_EYE_CORNERS, HeadModel, load_facekit
from scripts.training.heads.people import APPEARANCES

FRAME_RATE = 25
DISTANCE = 110.0  # centimetres from the eyes to the camera
EYE_SPAN, EYE_ROW = 126.0, 212.0  # pixels between the outer corners of the eyes, and the row they lie on
CAVITY = (30, 12, 11)


def main() -> None:
    arguments = parse_arguments()
    work = work_folder(arguments)
    work.mkdir(parents=True, exist_ok=True)
    _choose_renderer(arguments.variant, arguments.threads)

    appearance = APPEARANCES[arguments.presenter]
    figure = Figure(HeadModel(load_facekit(arguments.facekit), appearance.identity.coefficients()), appearance)
    camera = portrait_camera(figure)
    loop = idle(arguments.frames, FRAME_RATE, appearance.seed, resting(appearance.smile))
    from scripts.training.heads.render_loop import LoopShot, render_loop

    scatter = np.array(appearance.skin.scatter) * camera.focal / DISTANCE
    frames = render_loop(LoopShot(figure, camera, loop, scatter, arguments.samples, arguments.step, work))
    _write(arguments.out / appearance.name, figure, camera, loop, frames, arguments.crf)


def work_folder(arguments: argparse.Namespace) -> Path:
    """Where finished frames are kept: a folder for each set of options that changes them."""
    work: Path = arguments.work
    return work / f"{arguments.presenter}-{arguments.frames}-{arguments.samples}-{arguments.step}"


def portrait_camera(figure: Figure) -> Camera:
    """Frames the resting face of a figure."""
    model = figure.model
    return frame_face(model.neutral[model.landmarks68[list(OUTER_EYE_CORNERS)]], DISTANCE, EYE_SPAN, EYE_ROW)


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False, description=__doc__.splitlines()[0])
    parser.add_argument("presenter", choices=sorted(APPEARANCES))
    parser.add_argument("--facekit", type=Path, default=Path("../shared/ict_facekit"), help="the face model's folder")
    parser.add_argument("--out", type=Path, default=Path("engines/presenters"))
    parser.add_argument("--work", type=Path, default=Path("build/presenters"), help="finished frames are kept here")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--step", type=int, default=5, help="every so many frames one is traced whole; 1: all are")
    parser.add_argument("--samples", type=int, default=12, help="paths a pixel")
    parser.add_argument("--crf", type=int, default=14, help="H.264 quality of the loop, lower is better")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variant", default="llvm_ad_rgb", help="of Mitsuba: llvm_ad_rgb or cuda_ad_rgb")
    return parser.parse_args(words)


def _choose_renderer(variant: str, threads: int) -> None:
    """Must precede the import of whatever builds scenes."""
    import drjit
    import mitsuba

    mitsuba.set_variant(variant)
    drjit.set_thread_count(threads)


def _write(folder: Path, figure: Figure, camera: Camera, loop: Idle, frames: list[NDArray[np.uint8]], crf: int) -> None:
    from scripts.training.heads.mouth_plates import plates
    from scripts.training.heads.presenter import crop_of, geometry, seam, without_shimmer, write

    rest = FramePose(expression=loop.rest)
    frame_poses = [loop.frame_pose(number) for number in range(loop.frames)]
    face, residual = geometry(figure, camera, rest, frame_poses)
    face |= plates(figure, camera, crop_of(figure, camera, rest), rest, samples=48)
    face["cavity"] = np.array(CAVITY, np.uint8)
    write(folder, figure.appearance, without_shimmer(frames, figure, camera, frame_poses), face, crf)
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    last, usual, most = seam(np.stack(list(load_avatar(folder).loop)))
    print(
        f"{folder}: {len(frames)} frames, {size:.2f} MB; the alignment is within {residual[0]:.2f} pixels at the lips, "
        f"{residual[1]:.2f} everywhere; as decoded the seam is {last:.2f} grey levels, other frames {usual:.2f} to "
        f"{most:.2f}"
    )


if __name__ == "__main__":
    main()
