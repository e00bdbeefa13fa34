"""The child that decodes a user's picture or clip into plain pixels; see media. Knows nothing of faces.

Only pixels leave it: positions, camera names and thumbnails that the file holds stay behind.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.limited import answer

Picture = NDArray[np.uint8]


def main(request: dict[str, Any]) -> dict[str, Any]:
    """{"path", "clip", "out", "side"} and for a clip {"rate", "seconds", "step", "start", "count", "box"}."""
    return _clip(request) if request["clip"] else _picture(request)


def _picture(request: dict[str, Any]) -> dict[str, Any]:
    image = cv2.imread(request["path"], cv2.IMREAD_COLOR)  # upright: OpenCV follows the EXIF orientation
    if image is None:
        raise ValueError("the picture cannot be decoded: it is damaged")
    frame = _shrunk(np.asarray(image, np.uint8), request["side"])
    np.ascontiguousarray(frame[..., ::-1]).tofile(request["out"])
    return {"shape": [1, *frame.shape]}


def _clip(request: dict[str, Any]) -> dict[str, Any]:
    """Frames at an even rate, every step-th, from start on; box (left, top, side) is cut out of the full picture."""
    clip = cv2.VideoCapture(request["path"], cv2.CAP_FFMPEG)
    if not clip.isOpened():
        raise ValueError("the clip cannot be decoded: it is damaged, cut off, or of an unknown kind")
    rate = clip.get(cv2.CAP_PROP_FPS)
    size = [int(clip.get(name)) for name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
    if not 1 <= rate <= 240 or min(size) < 64 or max(size) > 4096:
        raise ValueError(f"the clip has {size[0]}×{size[1]} pixels at {rate:g} frames/s; give an ordinary one")
    written, last, seen, shape = 0, -1, 0, [0, 0, 0]
    with open(request["out"], "wb") as out:
        while written < request["count"] and clip.grab():
            seen += 1
            if seen > request["seconds"] * rate:
                raise ValueError(f"the clip lasts longer than {request['seconds']} s; cut it")
            # The number of the output frame that this one is nearest to; a faster clip skips, a slower one repeats.
            now = int((seen - 0.5) / rate * request["rate"])
            due = [k for k in range(last + 1, now + 1) if k % request["step"] == 0 and k >= request["start"]]
            last = now
            if due:
                frame = _cut(clip.retrieve()[1], request)
                shape = list(frame.shape)
                for _ in due[: request["count"] - written]:
                    frame.tofile(out)
                    written += 1
    declared = clip.get(cv2.CAP_PROP_FRAME_COUNT)
    if written < request["count"] and 0 < seen < 0.9 * declared:
        raise ValueError(f"the clip is cut off: {seen} of {declared:.0f} frames can be decoded")
    if not written:
        raise ValueError("the clip has no picture that can be decoded")
    return {"shape": [written, *shape], "full": size}


def _cut(image: Any, request: dict[str, Any]) -> Picture:
    if image is None:
        raise ValueError("the clip has a picture that cannot be decoded")
    picture: Picture = np.asarray(image, np.uint8)
    if request.get("box"):
        left, top, side = request["box"]
        scale = side / request["side"]
        place = np.array([[scale, 0, left + scale / 2 - 0.5], [0, scale, top + scale / 2 - 0.5]])
        flags = (cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC) | cv2.WARP_INVERSE_MAP
        if scale > 1.5:  # a warp looks at four pixels only
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), scale / 3), np.uint8)
        size = (request["side"], request["side"])
        picture = np.asarray(cv2.warpAffine(picture, place, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))
    return np.ascontiguousarray(_shrunk(picture, request["side"])[..., ::-1])


def _shrunk(picture: Picture, side: int) -> Picture:
    longest = max(picture.shape[:2])
    if longest <= side:
        return picture
    size = (round(picture.shape[1] * side / longest), round(picture.shape[0] * side / longest))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    answer(main)
