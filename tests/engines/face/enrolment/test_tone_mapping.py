"""Clips of a high dynamic range: their faces look as in an ordinary clip. The forward functions are BT.2100's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.face.enrolment.media import open_media, scan
from engines.face.enrolment.tone_mapping import tone_mapped

Floats = NDArray[np.float64]

TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # BT.2087-0
TRC = {"pq": 16, "hlg": 18}
GREYS = [(level, level, level) for level in (16, 64, 118, 160, 200)]
COLOURS = [*GREYS, (205, 160, 140), (170, 80, 85), (60, 90, 120), (30, 120, 60)]


def linear(srgb: Floats) -> Floats:
    part = srgb / 255
    return np.asarray(np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4))


def pq(nits: Floats) -> Floats:
    y: Floats = (nits / 10_000) ** (2610 / 16384)
    return np.asarray(((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32))


def hlg(nits: Floats) -> Floats:
    """The nominal display of 1000 cd/m² and gamma 1.2 undone, then the camera's curve."""
    luminance = nits @ np.array([0.2627, 0.6780, 0.0593])
    scene = nits / 1000 * (np.maximum(luminance, 1e-9) / 1000)[..., None] ** (1 / 1.2 - 1)
    curve = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), curve))


def signal(srgb: Floats, transfer: str) -> Floats:
    """(…, 3) colours of an ordinary picture, its white at 203 cd/m², as a signal in [0, 1]."""
    nits = 203 * linear(srgb) @ TO_2020.T
    return pq(nits) if transfer == "pq" else hlg(nits)


@pytest.mark.parametrize("transfer", ["hlg", "pq"])
@pytest.mark.parametrize("colour", COLOURS)
def test_ordinary_colours_stay_what_they_were(transfer: str, colour: tuple[int, int, int]) -> None:
    coded = np.rint(65_535 * signal(np.array(colour, float), transfer)).astype(np.uint16)
    found = tone_mapped(np.broadcast_to(coded, (2, 2, 3)), transfer)[0, 0]
    np.testing.assert_allclose(found.astype(int), colour, atol=3)


@pytest.mark.parametrize(("transfer", "brightest"), [("hlg", 1000.0), ("pq", 4000.0)])
def test_highlights_keep_their_order_and_are_not_burnt_out(transfer: str, brightest: float) -> None:
    nits = np.geomspace(100, brightest, 20)[:, None] * np.ones(3)
    coded = pq(nits) if transfer == "pq" else hlg(nits)
    found = tone_mapped(np.rint(65_535 * coded).astype(np.uint16)[None], transfer)[0, :, 0].astype(int)
    assert (np.diff(found) >= 0).all()
    assert found[nits[:, 0] < 410].max() < 252
    assert found[-1] == 255


def save_hdr_clip(path: Path, srgb: NDArray[np.uint8], transfer: str) -> Path:
    """Ten-bit HEVC as phones record it."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx265", rate=25)
        stream.height, stream.width = srgb.shape[:2]
        stream.pix_fmt = "yuv420p10le"
        colours = (
            f"colorprim=bt2020:transfer={'smpte2084' if transfer == 'pq' else 'arib-std-b67'}:colormatrix=bt2020nc"
        )
        stream.options = {"preset": "ultrafast", "x265-params": f"{colours}:crf=5:log-level=none"}
        for _ in range(8):
            container.mux(stream.encode(ten_bits(signal(srgb.astype(float), transfer), TRC[transfer])))
        container.mux(stream.encode(None))
    return path


def ten_bits(rgb: Floats, transfer: int) -> av.VideoFrame:
    """BT.2020's luminance and colour differences, narrow range."""
    y = rgb @ np.array([0.2627, 0.6780, 0.0593])
    cb, cr = (rgb[..., 2] - y) / 1.8814, (rgb[..., 0] - y) / 1.4746
    halves = [part.reshape(part.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3)) for part in (cb, cr)]
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], "yuv420p10le")
    for plane, values in zip(frame.planes, [64 + 876 * y, *(512 + 896 * half for half in halves)], strict=True):
        rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
        rows[:, : plane.width] = np.rint(values)
        plane.update(rows.tobytes())
    frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = 9, transfer, 9, 1
    return frame


@pytest.mark.parametrize("transfer", ["hlg", "pq"])
def test_a_clip_comes_out_in_ordinary_colours(tmp_path: Path, transfer: str) -> None:
    image = np.zeros((96, 192, 3), np.uint8)
    patches = np.split(image, 6, axis=1)
    wanted = [*COLOURS[2:4], *COLOURS[5:9]]
    for patch, colour in zip(patches, wanted, strict=True):
        patch[...] = colour
    found = scan(open_media(save_hdr_clip(tmp_path / "c.mp4", image, transfer), tmp_path))
    shown = [patch[40:56, 12:20].mean(axis=(0, 1)) for patch in np.split(found.frames[0], 6, axis=1)]
    np.testing.assert_allclose(shown, wanted, atol=8)
    assert [note.partition(": ")[2] for note in found.notes] == [
        f"the clip has a high dynamic range ({transfer.upper()}); its colours were converted"
    ]
