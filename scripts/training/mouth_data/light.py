"""Random light on a face: key, fill and rim lamps, and the room's own. Knows no shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Lamp:
    """towards (3,) unit vector from the face; colour (3,) linear radiance."""

    towards: NDArray[np.float64]
    colour: Colour


@dataclass(frozen=True, slots=True, eq=False)
class Lighting:
    """key casts shadows, softly over shadow_blur pixels; above and below are the room's light by direction."""

    key: Lamp
    fill: Lamp
    rim: Lamp
    above: Colour
    below: Colour
    shadow_blur: float


def random_lighting(draw: np.random.Generator) -> Lighting:
    azimuth = draw.normal(0, 38)
    key = Lamp(_direction(azimuth, draw.uniform(0, 55)), draw.uniform(0.5, 1.15) * _white(draw))
    fill = Lamp(
        _direction(-np.sign(azimuth) * draw.uniform(15, 70), draw.uniform(-20, 30)),
        draw.uniform(0.05, 0.5) * _white(draw),
    )
    rim = Lamp(
        _direction(np.sign(draw.normal()) * draw.uniform(100, 150), draw.uniform(0, 50)),
        draw.uniform(0, 0.9) * float(draw.random() < 0.6) * _white(draw),
    )
    room = draw.uniform(0.15, 0.55) * _white(draw)
    return Lighting(key, fill, rim, room, room * draw.uniform(0.35, 0.9) * _white(draw), draw.uniform(1.0, 6.0))


def _direction(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """Degrees to the face's left and up → a unit vector; azimuth 0 is the camera's side."""
    a, e = np.radians([azimuth, elevation])
    return np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])


def _white(draw: np.random.Generator) -> Colour:
    """From candle to overcast sky: warm gains red and loses blue."""
    warmth = draw.normal(0, 0.11)
    return np.exp([warmth, draw.normal(0, 0.03), -warmth])
