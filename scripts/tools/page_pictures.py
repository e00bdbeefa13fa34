"""Takes the pictures of the page that the README shows: a real call in Chromium, with a WAV file for a microphone.

    python -m scripts.tools.page_pictures --microphone speech.wav

Knows the page only by its test ids and by `window.lipcast`.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from engines.face.avatar import load_avatar
from engines.loader import SHIPPED
from scripts.tools.chromium import FLAGS, chromium_path
from scripts.tools.mouth_box import Box, mouth_box
from scripts.tools.server_process import running

OUT = Path(__file__).parents[2] / "docs" / "images"
LARGEST = 290_000  # bytes of a picture: a README should load at once
SHRINK = 0.96  # of the width, again and again until it fits
SETTLE_MS = 9_000  # of a call: sound and picture are aligned, the curve has become a line
WAIT_MS = 120_000
DESK, PHONE = {"width": 1280, "height": 820}, {"width": 390, "height": 780}
# A frame that shows what Lipcast does: an open mouth, and figures that the machine's other work has not spoilt.
GOOD = """(wide) => {
    const { fps, avOffsetMs } = lipcast.figures;
    return openness() > wide && fps > 24.4 && fps < 25.6 && Math.abs(avOffsetMs) < 40;
}"""
OPENNESS = """(box) => {
    const canvas = new OffscreenCanvas(box.width, box.height).getContext("2d", { willReadFrequently: true });
    window.openness = () => {
        canvas.drawImage(lipcast.videoElement, box.x, box.y, box.width, box.height, 0, 0, box.width, box.height);
        const { data } = canvas.getImageData(0, 0, box.width, box.height);
        return 1 - data.reduce((sum, value, i) => sum + (i % 4 < 3 ? value : 0), 0) / (data.length / 4) / 765;
    };
}"""
TYPICAL = """(ms) => new Promise((resolve) => {
    const seen = [];
    const timer = setInterval(() => seen.push(openness()), 40);
    setTimeout(() => { clearInterval(timer); resolve(seen.sort((a, b) => a - b)[Math.floor(seen.length * 0.9)]); }, ms);
})"""


@dataclass(frozen=True, slots=True)
class Shot:
    """Of a call. view: the window; options: of the browser's context."""

    name: str
    view: dict[str, int]
    options: dict[str, Any]
    figures: bool = False


SHOTS = (
    Shot("live", DESK, {"color_scheme": "light"}, figures=True),
    Shot("live-dark", DESK, {"color_scheme": "dark"}),
    Shot("phone", PHONE, {"color_scheme": "light", "device_scale_factor": 1.5, "is_mobile": True, "has_touch": True}),
)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description=__doc__)
    parser.add_argument(
        "--microphone", type=Path, required=True, metavar="FILE.wav", help="speech, 48 kHz, mono, 16 bit"
    )
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help=f"(default: {OUT.name})")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    box = mouth_box(load_avatar(min(path.parent for path in SHIPPED.glob("*/avatar.json"))))
    arguments = [*FLAGS, f"--use-file-for-fake-audio-capture={options.microphone.resolve()}"]
    with running(None, []) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=arguments)
        page = opened(browser, server.url, Shot("join", DESK, {"color_scheme": "light"}))
        page.wait_for_timeout(1500)  # the level shows
        save(page.screenshot(), options.out / "join.png")
        page.context.close()
        for shot in SHOTS:
            page = opened(browser, server.url, shot)
            save(in_call(page, box, shot), options.out / f"{shot.name}.png")
        browser.close()


def opened(browser: Browser, url: str, shot: Shot) -> Page:
    page = browser.new_context(viewport=shot.view, permissions=["microphone"], **shot.options).new_page()  # type: ignore[arg-type]
    page.goto(url)
    page.wait_for_selector("#join:enabled")
    return page


def in_call(page: Page, box: Box, shot: Shot) -> bytes:
    page.get_by_test_id("join").click()
    page.wait_for_selector("html[data-state=live]")
    page.mouse.move(3, 3)
    if shot.figures:
        page.keyboard.press("i")
    page.evaluate(OPENNESS, asdict(box))
    wide = page.evaluate(TYPICAL, SETTLE_MS)
    page.wait_for_function(GOOD, arg=wide, polling="raf", timeout=WAIT_MS)
    picture = page.screenshot()
    page.context.close()
    return picture


def save(picture: bytes, path: Path) -> None:
    """As PNG, made smaller until it is light."""
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    width = image.shape[1]
    while True:
        size = (width, round(image.shape[0] * width / image.shape[1]))
        shown = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        data = cv2.imencode(".png", shown, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
        if len(data) <= LARGEST:
            break
        width = int(width * SHRINK)
    path.write_bytes(data.tobytes())
    print(f"{path.name}: {size[0]}×{size[1]}, {len(data) // 1000} KB")


if __name__ == "__main__":
    main()
