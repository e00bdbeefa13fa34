"""How surfaces that are worn take light: the renderer's materials by name. Knows no shapes.

Each takes its colour from the attribute "albedo" of the vertices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def attribute(name: str) -> dict[str, Any]:
    return {"type": "mesh_attribute", "name": f"vertex_{name}"}


def twosided(bsdf: dict[str, Any]) -> dict[str, Any]:
    return {"type": "twosided", "inner": bsdf}


def matt() -> dict[str, Any]:
    return twosided({"type": "diffuse", "reflectance": attribute("albedo")})


def wool() -> dict[str, Any]:
    return twosided(
        {
            "type": "principled",
            "base_color": attribute("albedo"),
            "roughness": 0.85,
            "specular": 0.2,
            "sheen": 1.0,
            "sheen_tint": 0.4,
        }
    )


MATERIALS: dict[str, Callable[[], dict[str, Any]]] = {"matt": matt, "wool": wool}
