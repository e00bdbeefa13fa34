"""The geometry of a presenter's mouth: the tensors of face.safetensors, and what makes them valid.

Knows nothing of files or videos. Crop coordinates run 0..1 right and down over a square around the mouth; frame
coordinates are pixels, pixel (i, j) covering i..i+1 × j..j+1 (its centre is at i + ½, j + ½).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.face.errors import AvatarError
from engines.motion import COEFFICIENTS

REACH = 4.0  # crop units: no honest mesh, displacement or pose leaves the crop farther than this
FRAME_REACH = 1e5  # pixels: the same for the alignment
LARGEST_CROP = 2  # times the longer side of the frames: what draws a crop takes memory by its pixels
C = len(COEFFICIENTS)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class FaceTensors:
    """What a presenter's mouth is made of.

    mesh (V, 2) float32: vertices at rest, crop coordinates; basis (14, V, 2) float32: displacement per coefficient
    at value 1; triangles (T, 3) int32 in painter's order, none across the opening; inner_upper and inner_lower
    (m,) int32: inner contour of either lip from the left corner in the picture to the right one, both shared.
    alignment (N, 2, 3) float32: per loop frame, crop coordinates (x, y, 1) to frame coordinates.
    mask (M, M) uint8: weight of the drawn mouth over the crop. interior_upper and interior_lower (h, w, 4) uint8,
    straight alpha: teeth and gum of either jaw, and tongue, over the crop. jaw (14, 2) float32: displacement of
    interior_lower per coefficient. cavity (3,) uint8: colour behind. interocular () float32: crop units.
    """

    mesh: NDArray[np.float32]
    basis: NDArray[np.float32]
    triangles: NDArray[np.int32]
    inner_upper: NDArray[np.int32]
    inner_lower: NDArray[np.int32]
    alignment: NDArray[np.float32]
    mask: NDArray[np.uint8]
    interior_upper: NDArray[np.uint8]
    interior_lower: NDArray[np.uint8]
    jaw: NDArray[np.float32]
    cavity: NDArray[np.uint8]
    interocular: NDArray[np.float32]

    @property
    def scale(self) -> float:
        """Frame pixels per crop unit, in the first frame of the loop."""
        return float(np.sqrt(np.abs(np.linalg.det(self.alignment[0, :, :2].astype(np.float64)))))


# A letter is a size that must be the same wherever it stands; a number is that size.
SHAPES: dict[str, tuple[str | int, ...]] = {
    "mesh": ("V", 2),
    "basis": (C, "V", 2),
    "triangles": ("T", 3),
    "inner_upper": ("m", ),
    "inner_lower": ("m", ),
    "alignment": ("N", 2, 3),
    "mask": ("M", "M"),
    "interior_upper": ("h", "w", 4),
    "interior_lower": ("h", "w", 4),
    "jaw": (C, 2),
    "cavity": (3,),
    "interocular": (),
}  # fmt: skip
TYPES = {"float": np.dtype(np.float32), "index": np.dtype(np.int32), "byte": np.dtype(np.uint8)}
KINDS: dict[str, str] = {
    **dict.fromkeys(("mesh", "basis", "alignment", "jaw", "interocular"), "float"),
    **dict.fromkeys(("triangles", "inner_upper", "inner_lower"), "index"),
    **dict.fromkeys(("mask", "interior_upper", "interior_lower", "cavity"), "byte"),
}
FIX = "make the avatar again"


def check_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], frames: int) -> FaceTensors:
    """The tensors as a value that is valid, read-only. path is for the message; frames is the loop's length.

    Raises:
        AvatarError: a tensor is missing, or has the wrong shape, type or values.
    """
    sizes: dict[str, int] = {"N": frames}
    for name, shape in SHAPES.items():
        if name not in tensors:
            raise AvatarError(path, f"the tensor {name!r}", "none of that name", FIX)
        _check_form(path, name, tensors[name], shape, sizes)
    _check_values(path, tensors)
    _check_contours(path, tensors["inner_upper"], tensors["inner_lower"], tensors["mesh"])
    _check_mask(path, tensors["mask"])
    for tensor in tensors.values():
        tensor.setflags(write=False)
    return FaceTensors(**{field.name: tensors[field.name] for field in fields(FaceTensors)})


def check_crops(path: Path, alignment: NDArray[np.float32], width: int, height: int) -> None:
    """The alignment (N, 2, 3) against frames of width × height pixels; path is for the message.

    Raises:
        AvatarError: a crop is far larger than the frame that it lies in.
    """
    side = float(np.linalg.norm(alignment[:, :, :2].astype(np.float64), axis=1).max())
    if side > LARGEST_CROP * max(width, height):
        expected = f"crops of at most {LARGEST_CROP * max(width, height)} pixels in frames of {width}×{height}"
        raise AvatarError(path, expected, f"one of {side:.0f}", FIX)


def _check_form(
    path: Path, name: str, tensor: NDArray[Any], shape: tuple[str | int, ...], sizes: dict[str, int]
) -> None:
    dtype = TYPES[KINDS[name]]
    if tensor.dtype != dtype:
        raise AvatarError(path, f"{name} of type {dtype}", str(tensor.dtype), FIX)
    agrees = tensor.ndim == len(shape) and all(
        size == (want if isinstance(want, int) else sizes.setdefault(want, size))
        for size, want in zip(tensor.shape, shape, strict=True)
    )
    if not agrees or 0 in tensor.shape:
        known = tuple(sizes.get(want, want) if isinstance(want, str) else want for want in shape)
        raise AvatarError(path, f"{name} of shape {known}", str(tensor.shape), FIX)


def _check_values(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    vertices = len(tensors["mesh"])
    for name, kind in KINDS.items():
        tensor = tensors[name]
        if kind == "float":
            reach = FRAME_REACH if name == "alignment" else REACH
            if not np.all(np.abs(tensor) <= reach):  # false for NaN too
                raise AvatarError(path, f"{name} within ±{reach:g}", "NaN or values beyond", FIX)
        if kind == "index" and (tensor.min() < 0 or tensor.max() >= vertices):
            found = f"{tensor.min()}..{tensor.max()}"
            raise AvatarError(path, f"{name} within 0..{vertices - 1}", found, FIX)
    linear = tensors["alignment"][:, :, :2].astype(np.float64)
    if np.any(np.abs(np.linalg.det(linear)) < 1.0):
        raise AvatarError(path, "alignment to a crop of at least a pixel", "a degenerate one", FIX)
    if not tensors["interocular"] > 0:
        raise AvatarError(path, "interocular above 0", str(tensors["interocular"]), FIX)


def _check_contours(path: Path, upper: NDArray[Any], lower: NDArray[Any], mesh: NDArray[Any]) -> None:
    if len(upper) < 3 or upper[0] != lower[0] or upper[-1] != lower[-1]:
        found = f"{upper[0]}..{upper[-1]} and {lower[0]}..{lower[-1]}, {len(upper)} vertices"
        raise AvatarError(path, "inner contours of 3 vertices or more that share their corners", found, FIX)
    apart = float(np.abs(mesh[upper] - mesh[lower]).max())
    if apart > 0:
        raise AvatarError(path, "inner contours that meet at rest", f"them {apart:.4f} crop units apart", FIX)


def _check_mask(path: Path, mask: NDArray[Any]) -> None:
    if mask[[0, -1]].any() or mask[:, [0, -1]].any():
        raise AvatarError(path, "a mask that is 0 along the crop's border", "other values", FIX)
