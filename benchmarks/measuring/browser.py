"""A viewer and speaker in headless Chromium: the join page itself, with a WAV file for a microphone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Page, Route, async_playwright

from benchmarks.measuring.relay import Relay
from benchmarks.measuring.traces import Trace
from scripts.tools.chromium import FLAGS, chromium_path
from scripts.tools.mouth_box import Box

HERE = Path(__file__).parent
INTERRUPT_EVERY_MS = 4_300
INTERRUPTS = 10  # after the calm part
PART = 300_000  # numbers fetched from the page at a time
TICKS_PER_FRAME = 3600  # of the 90 kHz clock of video over RTP, at 25 fps


@dataclass(frozen=True, slots=True, eq=False)
class ViewerTraces:
    """Everything the page noted; times in seconds of the page's clock."""

    lips: Trace
    numbers: Trace  # which frame was shown: its presentation time in frames, from any beginning
    microphone: Trace
    audio: Trace
    shown: list[float]  # when each frame was shown
    interrupts: list[float]
    burst: float | None  # when every packet was lost for a while
    join_to_first_frame_s: float
    stats: dict[str, Any]


@asynccontextmanager
async def page(microphone: Path | None) -> AsyncIterator[Page]:
    """A fresh page that has the probe; its microphone plays the WAV file in a loop."""
    flags = [*FLAGS, *([f"--use-file-for-fake-audio-capture={microphone}"] if microphone else [])]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=flags)
        try:
            # The probe's worklet comes from a blob, which the server's policy rightly forbids.
            context = await browser.new_context(bypass_csp=True, permissions=["microphone"])
            opened = await context.new_page()
            worklet = (HERE / "level_worklet.js").read_text(encoding="utf-8")
            await opened.add_init_script(f"window.LEVEL_WORKLET = {json.dumps(worklet)};")
            await opened.add_init_script((HERE / "probe.js").read_text(encoding="utf-8"))
            yield opened
        finally:
            await browser.close()


async def through_relay(opened: Page, relay: Relay) -> None:
    """Have every answer of the server lead to the relay."""

    async def rewrite(route: Route) -> None:
        answer = await route.fetch()
        body = await answer.json()
        if "sdp" in body:
            body["sdp"] = await relay.rewrite(body["sdp"])
        await route.fulfill(response=answer, json=body)

    await opened.route("**/api/sessions", rewrite)


async def join(opened: Page, url: str) -> float:
    """Press Join as a person would; returns click → first picture shown, seconds."""
    await opened.goto(url)
    # Echo and noise suppression take a steady vowel for a hum: the test audio needs the microphone as it is.
    await opened.evaluate("() => document.querySelector('[data-testid=\"studio\"]').click()")
    await opened.wait_for_selector('[data-testid="join"]:not([disabled])')
    return float(
        await opened.evaluate(
            """async () => {
                const video = window.lipcast.videoElement;
                const clicked = performance.now();
                document.querySelector('[data-testid="join"]').click();
                const shown = await new Promise((resolve) => video.requestVideoFrameCallback((now) => resolve(now)));
                return (shown - clicked) / 1000;
            }"""
        )
    )


async def observe(opened: Page, url: str, box: Box, seconds: float, relay: Relay | None) -> ViewerTraces:
    """Join, then note what is seen and heard: undisturbed for `seconds` and then with interruptions, or for `seconds`
    through a lossy relay. The matching of frames with their sound needs the long calm."""
    joined = await join(opened, url)
    await opened.evaluate(
        """async (box) => {
            const { pc, videoElement } = window.lipcast;
            await probe.listen("microphone", new MediaStream([pc.getSenders().find((sender) => sender.track).track]));
            await probe.listen("sound", videoElement.srcObject);
            probe.watch(videoElement, box);
        }""",
        asdict(box),
    )
    burst = None
    if relay is None:
        await asyncio.sleep(seconds)
        await interrupt_often(opened)
    else:
        await asyncio.sleep(seconds / 2)
        burst = float(await opened.evaluate("() => performance.now() / 1000"))
        await relay.loss.burst()
        await asyncio.sleep(seconds / 2)
    return await collect(opened, joined, burst)


async def interrupt_often(opened: Page) -> None:
    """Interrupt as often as INTERRUPTS says, each time just after the lips were seen to open."""
    threshold = await opened.evaluate(
        "() => { const v = probe.lips.map((l) => l[1]).sort((a, b) => a - b);"
        " return (v.at(Math.floor(v.length * 0.05)) + v.at(-1 - Math.floor(v.length * 0.05))) / 2; }"
    )
    arguments = {"every": INTERRUPT_EVERY_MS, "threshold": threshold}
    await opened.evaluate("(a) => probe.interruptOften(window.lipcast.session.url, a.every, a.threshold)", arguments)
    await asyncio.sleep((INTERRUPTS + 0.5) * INTERRUPT_EVERY_MS / 1000)


async def collect(opened: Page, joined: float, burst: float | None) -> ViewerTraces:
    noted = await opened.evaluate(
        """async () => ({
            lips: probe.lips, frames: probe.frames, interrupts: probe.interrupts,
            stats: Object.fromEntries([...(await window.lipcast.pc.getStats()).values()]
              .filter((s) => s.type === "inbound-rtp").map((s) => [s.kind, s])),
        })"""
    )
    lips = np.asarray(noted["lips"], np.float64)

    return ViewerTraces(
        lips=Trace(lips[:, 0] / 1000, lips[:, 1]),
        numbers=Trace(lips[:, 0] / 1000, frame_numbers(np.asarray(noted["frames"], np.float64)[:, 1])),
        microphone=await levels(opened, "microphone"),
        audio=await levels(opened, "sound"),
        shown=[float(time) for time in lips[:, 0] / 1000],
        interrupts=[asked / 1000 for asked, _ in noted["interrupts"]],
        burst=burst,
        join_to_first_frame_s=joined,
        stats=noted["stats"],
    )


def frame_numbers(rtp_timestamps: NDArray[np.float64]) -> NDArray[np.float64]:
    """RTP timestamps, which wrap at 2^32, to frames since the first."""
    since = np.mod(rtp_timestamps - rtp_timestamps[0] + 2**31, 2**32) - 2**31
    return np.asarray(np.round(since / TICKS_PER_FRAME), np.float64)


async def levels(opened: Page, name: str) -> Trace:
    """Loudness on the page's clock, seconds. The page noted three numbers for each block: the context's time in
    seconds, the level, and when the page heard of it in milliseconds; they are fetched in parts.

    The audio clock stands still when the machine cannot keep up, so its distance from the page's clock is taken
    anew for every second: that of the message that waited least.
    """
    noted: list[float] = []
    while part := await opened.evaluate(
        "([n, i, j]) => probe.levels[n].slice(i, j)", [name, len(noted), len(noted) + PART]
    ):
        noted += part
    rows = np.asarray(noted, np.float64).reshape(-1, 3)
    distance = rows[:, 2] / 1000 - rows[:, 0]
    seconds = np.floor(rows[:, 2] / 1000).astype(int) - int(rows[0, 2] / 1000)
    least = np.full(seconds[-1] + 1, np.inf)
    np.minimum.at(least, seconds, distance)
    return Trace(rows[:, 0] + least[seconds], rows[:, 1])


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the instruments say of a flash and a beep of known distance, milliseconds; picture minus sound."""

    known_ms: tuple[float, ...]
    measured_ms: tuple[float, ...]
    loopback_picture_ms: float  # painted → shown, through a connection of the browser with itself
    loopback_sound_ms: float

    @property
    def bias_ms(self) -> float:
        return float(np.median(self._errors))

    @property
    def spread_ms(self) -> float:
        """Standard deviation of a single flash and beep: pictures are shown in steps of a screen's frame."""
        return float(np.std(self._errors, ddof=1))

    @property
    def _errors(self) -> NDArray[np.float64]:
        return np.asarray(np.subtract(self.measured_ms, self.known_ms), np.float64)


async def calibrate(
    opened: Page, url: str, offsets_ms: tuple[float, ...] = (0.0, 100.0), count: int = 12
) -> Calibration:
    """Send flashes and beeps from the page to itself and measure them as the benchmark does."""
    await opened.goto(url)
    events = await opened.evaluate("([offsets, count]) => probe.calibrate(offsets, count)", [list(offsets_ms), count])
    flashes = np.asarray(await opened.evaluate("() => probe.flashes"), np.float64)
    heard = await levels(opened, "beeps")
    picture, audio, known = [], [], []
    for event in events:
        shown = first_above(flashes, event["flashed"])
        played = first_above(np.column_stack([heard.times * 1000, heard.values * 4]), event["beeped"])
        if shown is not None and played is not None:
            picture.append(shown - event["flashed"])
            audio.append(played - event["beeped"])
            known.append(event["flashed"] - event["beeped"])
    gaps = [p + k - s for p, k, s in zip(picture, known, audio, strict=True)]
    return Calibration(
        tuple(round(value, 1) for value in known),
        tuple(round(value, 1) for value in gaps),
        round(float(np.median(picture)), 1),
        round(float(np.median(audio)), 1),
    )


def first_above(pairs: np.ndarray[Any, np.dtype[np.float64]], moment: float, level: float = 0.5) -> float | None:
    """The first time from `moment` on, within 0.6 s, at which the value is above the level."""
    inside = pairs[(pairs[:, 0] >= moment) & (pairs[:, 0] < moment + 600) & (pairs[:, 1] > level)]
    return float(inside[0, 0]) if len(inside) else None
