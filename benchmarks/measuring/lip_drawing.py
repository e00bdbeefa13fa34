"""A drawing of predicted over measured lip opening: the best, the middling and the worst held-out clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring.real_lips import Followed, scores, wide_openings
from scripts.training.speech.lip_track import sampled
from scripts.training.speech.real_lips import MeasuredClip, tracks

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]

LONGEST = 12.0  # s of a clip that are drawn: of longer ones the middle
WIDTH, HEIGHT = 1280, 260  # pixels of a panel
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 34, 44  # pixels around its axes
HIGHEST = 1.4  # shares of the wide opening at the top
BLACK, GREY, ORANGE = (30, 30, 30), (210, 210, 210), (20, 110, 230)  # BGR
FINE = 4  # bits of a pixel's fraction in which lines are placed


def save_drawing(path: Path, followed: Sequence[Followed]) -> None:
    """Write a PNG; openings are in shares of the talker's wide one, measured and predicted each of its own.

    followed: all clips of their talkers.

    Raises:
        ValueError: no held-out clip has an opening to be judged.
        OSError: the file cannot be written.
    """
    real, wide = tracks(one.clip for one in followed), wide_openings(followed)
    panels = [
        _panel(one, f"{rank}: {one.clip.name}, r {value:.2f}", real[one.clip.name].opening, wide[one.voice])
        for rank, one, value in best_middle_worst(followed)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() != ".png" or not cv2.imwrite(str(path), np.concatenate([_legend(), *panels])):
        raise OSError(f"{path}: cannot be written; name a PNG file")


def best_middle_worst(followed: Sequence[Followed]) -> list[tuple[str, Followed, float]]:
    """By correlation of the opening at lag 0, among the clips of held-out talkers.

    Raises:
        ValueError: there is none.
    """
    ranked = sorted(
        (
            (found["opening"], i)
            for i, one in enumerate(followed)
            if one.held_out and "opening" in (found := scores(one))
        ),
        reverse=True,
    )
    if not ranked:
        raise ValueError(
            "expected clips of held-out talkers to draw, and there are none (scripts.training.speech.voices)"
        )
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    return [(name, followed[ranked[place][1]], ranked[place][0]) for name, place in places.items()]


def _panel(one: Followed, title: str, real: Array, wide: float) -> Picture:
    panel = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    length = len(one.clip.samples) / 16_000
    begin = max(0.0, (length - LONGEST) / 2)
    end = min(length, begin + LONGEST)
    if length > LONGEST:
        title += f", {begin:.0f} to {end:.0f} s of {length:.0f}"
    _axes(panel, begin, end)
    _words(panel, one.clip, begin, end)
    time = np.arange(begin, end, 0.01).astype(np.float32)
    for values, colour in ((real, BLACK), (one.predicted("opening") / np.float32(max(wide, 1e-6)), ORANGE)):
        _curve(panel, sampled(one.clip.time, values, time), colour)
    _text(panel, title, (LEFT, 22), 0.55)
    return panel


def _axes(panel: Picture, begin: float, end: float) -> None:
    for share in (0.0, 0.5, 1.0):
        y = _row(share)
        cv2.line(panel, (LEFT, y), (WIDTH - RIGHT, y), GREY, 1)
        _text(panel, f"{share:.1f}", (18, y + 5), 0.45)
    step = 1 if end - begin > 4 else 0.5
    for second in np.arange(np.ceil(begin / step) * step, end, step):
        x = _column(float(second), begin, end)
        cv2.line(panel, (x, _row(0)), (x, _row(0) + 5), BLACK, 1)
        _text(panel, f"{second:g}", (x - 6, HEIGHT - 22), 0.42)


def _words(panel: Picture, clip: MeasuredClip, begin: float, end: float) -> None:
    for word, start, _ in clip.words:
        x = _column(start, begin, end)
        cv2.line(panel, (x, TOP), (x, _row(0)), GREY, 1)
        _text(panel, word, (x + 3, HEIGHT - 6), 0.45)


def _curve(panel: Picture, values: Array, colour: tuple[int, int, int]) -> None:
    """Values over the whole width, with a gap where one is not known."""
    x = LEFT + np.linspace(0, WIDTH - LEFT - RIGHT, len(values))
    y = np.array([_row(float(v)) if np.isfinite(v) else np.nan for v in values])
    edges = np.flatnonzero(np.diff(np.isfinite(values).astype(int))) + 1
    for run in np.split(np.arange(len(values)), edges):
        if len(run) and np.isfinite(values[run[0]]):
            points = np.round(np.stack([x[run], y[run]], axis=1) * 2**FINE).astype(np.int32)
            cv2.polylines(panel, [points], False, colour, 2, cv2.LINE_AA, FINE)


def _legend() -> Picture:
    strip = np.full((34, WIDTH, 3), 255, np.uint8)
    _text(strip, "lip opening, of the talker's wide one:", (LEFT, 22), 0.5)
    for name, colour, x in (("measured", BLACK, 420), ("predicted", ORANGE, 560)):
        cv2.line(strip, (x, 17), (x + 30, 17), colour, 2)
        _text(strip, name, (x + 38, 22), 0.5)
    return strip


def _row(share: float) -> int:
    return round(HEIGHT - BOTTOM - min(share, HIGHEST) / HIGHEST * (HEIGHT - TOP - BOTTOM))


def _column(time: float, begin: float, end: float) -> int:
    return round(LEFT + (time - begin) / (end - begin) * (WIDTH - LEFT - RIGHT))


def _text(picture: Picture, text: str, place: tuple[int, int], size: float) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, BLACK, 1, cv2.LINE_AA)
