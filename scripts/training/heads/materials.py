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


def cloth() -> dict[str, Any]:
    """Finely woven, soft: less fuzz than wool."""
    return twosided(
        {
            "type": "principled",
            "base_color": attribute("albedo"),
            "roughness": 0.7,
            "specular": 0.25,
            "sheen": 0.6,
            "sheen_tint": 0.6,
        }
    )


def metal() -> dict[str, Any]:
    """Brushed wire."""
    return twosided({"type": "principled", "base_color": attribute("albedo"), "roughness": 0.32, "metallic": 0.85})


def enamel() -> dict[str, Any]:
    """Wet teeth."""
    return _moist(0.28)


def flesh() -> dict[str, Any]:
    """Gums and tongue."""
    return _moist(0.4)


def _moist(roughness: float) -> dict[str, Any]:
    return twosided({"type": "principled", "base_color": attribute("albedo"), "roughness": roughness, "specular": 0.45})


MATERIALS: dict[str, Callable[[], dict[str, Any]]] = {"matt": matt, "cloth": cloth, "metal": metal, "wool": wool}
