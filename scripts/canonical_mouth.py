"""Write the canonical mouth that enrolment fits to portraits: mesh, basis and landmarks of the mean head, teeth of a presenter.

    python -m scripts.canonical_mouth --facekit ../shared/ict_facekit --teeth engines/presenters/mira

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
from safetensors.numpy import load_file, save_file

from engines.face.avatar import FACE
from engines.motion import COEFFICIENTS
from scripts.heads.model import OUTER_EYE_CORNERS, OUTER_LIP, HeadModel, load_facekit
from scripts.heads.mouth_mesh import Crop, MouthMesh, build_mouth_mesh, canonical_mouth, mouth_tensors

Floats = NDArray[np.float64]

OUT = Path("engines/face/enrolment/canonical")
CROP_MIDDLE = (0.5, 0.5 - 0.25 / 1.4)  # the middle of the lips in the crop of a presenter that ships


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    words.add_argument("--facekit", type=Path, required=True, help="the folder of the ICT face model")
    words.add_argument("--teeth", type=Path, required=True, help="the presenter whose teeth are taken")
    words.add_argument("--out", type=Path, default=OUT)
    options = words.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    head = HeadModel(load_facekit(options.facekit))
    tensors = canonical(head, build_mouth_mesh(head.kit))
    plates = load_file(options.teeth / FACE)
    corners = plates["mesh"][plates["inner_upper"][[0, -1]]]
    tensors["plate_corners"] = np.asarray(corners, np.float32)
    tensors["plate_interocular"] = plates["interocular"]
    tensors["cavity"] = plates["cavity"]
    save_file(
        {name: np.array(tensor, order="C") for name, tensor in tensors.items()}, options.out / "mouth.safetensors"
    )
    for jaw in ("upper", "lower"):
        plate = cv2.cvtColor(plates[f"interior_{jaw}"], cv2.COLOR_RGBA2BGRA)
        cv2.imwrite(str(options.out / f"teeth_{jaw}.png"), plate, [cv2.IMWRITE_PNG_COMPRESSION, 9])


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
