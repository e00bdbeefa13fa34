"""Write the canonical mouth that enrolment fits to portraits: the mean head's mesh, landmarks and teeth.

    python -m scripts.tools.canonical_mouth --facekit ../shared/ict_facekit

Knows nothing of portraits. Lengths are in inter-ocular distances of the mean head (between the outer corners of the
eyes); x to the right in the picture, y down, z towards the viewer; the origin is the middle of the lips.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from engines.motion import COEFFICIENTS
from scripts.tools.render_presenter import CAVITY, portrait_camera
from scripts.tools.render_presenter import _choose_renderer as choose_renderer
from scripts.training.heads.figure import Figure
from scripts.training.heads.frame_pose import FramePose
from scripts.training.heads.model import OUTER_EYE_CORNERS, OUTER_LIP, HeadModel, load_facekit
from scripts.training.heads.mouth_mesh import Crop, MouthMesh, build_mouth_mesh, canonical_mouth, mouth_tensors
from scripts.training.heads.people import APPEARANCES
from scripts.training.heads.presenter import _view as camera_view
from scripts.training.heads.presenter import crop_of

Floats = NDArray[np.float64]

OUT = Path("engines/face/enrolment/canonical")
FILE = "mouth.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--facekit", type=Path, required=True, help="the folder of the ICT face model")
    parser.add_argument("--samples", type=int, default=64, help="paths a pixel of the teeth's pictures")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    head = HeadModel(load_facekit(options.facekit))
    mesh = build_mouth_mesh(head.kit)
    tensors = canonical(head, mesh)
    plates, flat = teeth(head, mesh, options.samples)
    tensors["plate_corners"] = flat["mesh"][flat["inner_upper"][[0, -1]]]
    tensors["plate_middle"] = flat["mesh"][flat["inner_upper"][len(flat["inner_upper"]) // 2]]
    tensors["plate_interocular"] = flat["interocular"]
    tensors["cavity"] = np.array(CAVITY, np.uint8)
    save_file({name: np.array(tensor, order="C") for name, tensor in tensors.items()}, options.out / FILE)
    for jaw in ("upper", "lower"):
        plate = cv2.cvtColor(plates[f"interior_{jaw}"], cv2.COLOR_RGBA2BGRA)
        cv2.imwrite(str(options.out / f"teeth_{jaw}.png"), plate, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def teeth(head: HeadModel, mesh: MouthMesh, samples: int) -> tuple[dict[str, NDArray[np.uint8]], dict[str, Any]]:
    """Pictures of the mean head's teeth, and the mouth's tensors in the same crop."""
    choose_renderer("llvm_ad_rgb", 2)
    from scripts.training.heads.mouth_plates import plates

    figure, rest = Figure(head, APPEARANCES["mira"]), FramePose()
    camera = portrait_camera(figure)
    crop = crop_of(figure, camera, rest)
    view = camera_view(figure, camera, rest)
    return plates(figure, camera, crop, rest, samples), mouth_tensors(mesh, head, view, crop)


def canonical(head: HeadModel, mesh: MouthMesh) -> dict[str, NDArray[Any]]:
    """rest (V, 3), basis (14, V, 3), jaw (14, 3), landmarks68 (68, 3), triangles, inner_upper, inner_lower."""
    eyes = head.neutral[head.landmarks68[list(OUTER_EYE_CORNERS)]].astype(np.float64)
    middle = head.neutral[head.landmarks68[OUTER_LIP]].astype(np.float64).mean(axis=0)
    scale = float(np.linalg.norm(eyes[0] - eyes[1]))

    def view(points: Floats) -> Floats:
        return np.asarray((points - middle) / scale * (1.0, -1.0, 1.0))

    rest, basis = canonical_mouth(mesh, head, view)
    flat = mouth_tensors(mesh, head, lambda points: view(points)[..., :2], Crop(-0.7, -0.45, 1.4))
    jaw = np.zeros((len(COEFFICIENTS), 3))
    jaw[:, :2] = 1.4 * flat["jaw"]
    return {
        "rest": rest.astype(np.float32),
        "basis": basis.astype(np.float32),
        "jaw": jaw.astype(np.float32),
        "landmarks68": view(head.neutral[head.landmarks68].astype(np.float64)).astype(np.float32),
        "triangles": flat["triangles"],
        "inner_upper": flat["inner_upper"],
        "inner_lower": flat["inner_lower"],
    }


if __name__ == "__main__":
    main()
