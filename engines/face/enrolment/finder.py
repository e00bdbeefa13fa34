"""How a face is found: by the landmarker, or by points that somebody has set. Knows nothing of what follows."""

from __future__ import annotations

from pathlib import Path

from engines.face.enrolment.enrol import FaceFinder
from engines.face.enrolment.errors import LandmarksError
from engines.face.enrolment.landmarker import Landmarker, landmarker_installed
from engines.face.enrolment.model_file import model_file
from engines.face.enrolment.points_file import ManualPoints, read_points


def face_finder(points: Path | None, model: Path | None, cache: Path, workspace: Path) -> FaceFinder:
    """points: a file of points (see points_file); model: the landmarker's; cache: where a fetched model is kept.

    Raises:
        LandmarksError: neither way is open, or the files are not what they should be.
    """
    if points is not None:
        return ManualPoints(read_points(points))
    if not landmarker_installed():
        raise LandmarksError(
            "the face cannot be looked for: MediaPipe is not installed; install it with `pip install -e '.[enrol]'`,"
            " or give the face's points with --landmarks (docs/avatars.md says how)"
        )
    return Landmarker(model_file(model, cache), workspace)
