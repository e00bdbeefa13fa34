"""The figure as a Mitsuba scene: shapes, materials, lights, sensor. Knows nothing of time and of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.appearance import Lighting, LongHair
from scripts.training.heads.camera import Camera
from scripts.training.heads.figure import Figure, Pose
from scripts.training.heads.materials import MATERIALS, attribute, enamel, flesh, matt, twosided
from scripts.training.heads.strands import Strands

# Softboxes: centre, aim, half width and half height in centimetres, linear RGB radiance.
LIGHTS: dict[str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, float], tuple[float, ...]]] = {
    "key": ((-62.0, 52.0, 78.0), (0.0, 0.0, 5.0), (26.0, 26.0), (9.0, 8.3, 7.4)),
    "fill": ((85.0, 12.0, 80.0), (0.0, -2.0, 4.0), (40.0, 40.0), (1.05, 1.08, 1.15)),
    "top": ((-10.0, 90.0, 25.0), (0.0, 8.0, 2.0), (28.0, 18.0), (3.4, 3.3, 3.1)),
    "rim right": ((58.0, 38.0, -48.0), (0.0, 2.0, 0.0), (12.0, 34.0), (1.5, 1.4, 1.25)),
    "rim left": ((-62.0, 30.0, -55.0), (0.0, 2.0, 0.0), (10.0, 30.0), (1.3, 1.35, 1.4)),
}
HAIR_SHADES = (1.5, 1.1, 0.75)  # of the absorption: locks differ, which is what makes hair look like hair
WHITE_HAIR = (0.86, 0.85, 0.83)  # reflectance of the lightest locks
AMBIENT = (0.17, 0.17, 0.185)


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        return slice(self.left, self.left + self.width)


class Scene:
    """A loaded scene whose shapes move with poses."""

    def __init__(self, figure: Figure, camera: Camera, pose: Pose, folder: str) -> None:
        """folder: where the renderer's strand files are written for loading."""
        maps = figure.maps
        parts: dict[str, Any] = {
            "type": "scene",
            "integrator": {"type": "path", "max_depth": 5, "hide_emitters": True},
            "sensor": sensor(camera),
            **lights(figure.appearance.lighting),
            "skin": mesh(pose.skin, figure.triangles, matt(), maps.albedo),
            "lashes": strands(figure.lashes.strands, f"{folder}/lashes.txt", _fibre((0.012, 0.009, 0.008))),
        }
        for name, piece in figure.wearables.items():
            parts[name] = mesh(pose.wearables[name], piece.triangles, MATERIALS[piece.material](), piece.albedo)
        for name, hairs in figure.bound.items():
            parts[name] = strands(hairs.strands, f"{folder}/{name}.txt", _fibre(figure.appearance.skin.brow))
        self.hair = figure.hair.split(len(HAIR_SHADES)) if figure.hair else []
        style = figure.appearance.hair
        grey = style.grey if isinstance(style, LongHair) else 0.0
        for index, lock in enumerate(self.hair):
            white = tuple((1.25 - 0.35 * HAIR_SHADES[index]) * value for value in WHITE_HAIR)
            colour = tuple(HAIR_SHADES[index] * absorption for absorption in figure.appearance.hair.colour)
            parts[f"hair{index}"] = strands(lock, f"{folder}/hair{index}.txt", _hair(colour, white, grey))
        for index, (ball, vertices) in enumerate(zip(figure.eyeballs, pose.eyes, strict=True)):
            parts[f"eye{index}"] = mesh(vertices, ball.surface.triangles, _wet(), ball.albedo)
        if figure.inside:
            for name, lining in figure.inside.parts.items():
                material = flesh() if name == "flesh" else enamel()
                parts[name] = mesh(pose.inside[name], lining.fine.triangles, material, lining.albedo)
        parts["skin"].add_attribute("vertex_roughness", 1, maps.roughness.astype(np.float32))
        self.skin = parts["skin"]
        self.eyes = [parts["eye0"], parts["eye1"]]
        self.figure = figure
        self.scene = mi.load_dict(parts)
        self._parameters = mi.traverse(self.scene)

    def move(self, pose: Pose) -> None:
        """Place every shape anew."""
        self._place({name: pose.wearables[name] for name in self.figure.wearables})
        bundles = {}
        if pose.hair is not None:
            placed = np.array_split(pose.hair, len(self.hair))
            bundles = {f"hair{index}": (lock, placed[index]) for index, lock in enumerate(self.hair)}
        self._bend(bundles)
        self.move_face(pose)

    def move_face(self, pose: Pose) -> None:
        """Place skin, eyes, brows, lashes and what the head alone carries anew; hair and clothes stay."""
        carried = {
            name: pose.wearables[name] for name, piece in self.figure.wearables.items() if piece.share.min() == 1.0
        }
        self._place({"skin": pose.skin, "eye0": pose.eyes[0], "eye1": pose.eyes[1], **carried, **pose.inside})
        bundles = {name: (hairs.strands, pose.bound[name]) for name, hairs in self.figure.bound.items()}
        self._bend({**bundles, "lashes": (self.figure.lashes.strands, pose.lashes)})
        self._parameters.update()

    def _place(self, surfaces: Mapping[str, NDArray[np.float64]]) -> None:
        for name, vertices in surfaces.items():
            self._parameters[f"{name}.vertex_positions"] = mi.Float(vertices.ravel().astype(np.float32))

    def _bend(self, bundles: Mapping[str, tuple[Strands, NDArray[np.float64]]]) -> None:
        for name, (bundle, points) in bundles.items():
            control = bundle.padded(points).ravel().astype(np.float32)
            self._parameters[f"{name}.control_points"] = mi.Float(control)


def rgb(colour: tuple[float, ...]) -> dict[str, Any]:
    return {"type": "rgb", "value": list(colour)}


def sensor(camera: Camera, box: Box | None = None) -> dict[str, Any]:
    """The renderer's sensor that agrees with Camera.project; with a box, that part of its picture."""
    part = box or Box(0, 0, camera.width, camera.height)
    eye = [camera.x, camera.y, camera.z]
    return {
        "type": "perspective",
        "fov": camera.field_of_view,
        "fov_axis": "x",
        "to_world": mi.ScalarTransform4f().look_at(eye, [camera.x, camera.y, camera.z - 1], [0, 1, 0]),
        "film": {
            "type": "hdrfilm",
            "width": camera.width,
            "height": camera.height,
            "crop_offset_x": part.left,
            "crop_offset_y": part.top,
            "crop_width": part.width,
            "crop_height": part.height,
            "rfilter": {"type": "box"},
            "pixel_format": "rgba",
        },
        "sampler": {"type": "multijitter"},
    }


def lights(lighting: Lighting) -> dict[str, Any]:
    """The softboxes and the air's light."""
    transform = mi.ScalarTransform4f()
    gain = {"key": lighting.key, "fill": lighting.fill, "top": lighting.top}
    boxes = {
        name.replace(" ", "_"): {
            "type": "rectangle",
            "to_world": transform.look_at(list(at), list(aim), [0, 1, 0]) @ transform.scale([*size, 1.0]),
            "emitter": {"type": "area", "radiance": _scaled(radiance, gain.get(name, lighting.rims))},
        }
        for name, (at, aim, size, radiance) in LIGHTS.items()
    }
    return {"ambient": {"type": "constant", "radiance": _scaled(AMBIENT, lighting.ambient)}, **boxes}


def _scaled(colour: tuple[float, ...], gain: float) -> dict[str, Any]:
    return rgb(tuple(gain * value for value in colour))


def mesh(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.int32],
    bsdf: dict[str, Any],
    albedo: NDArray[np.floating],
) -> Any:
    """A triangle mesh with smooth normals; albedo: (V, 3), which the material may take."""
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(bsdf)
    shape = mi.Mesh("mesh", len(vertices), len(triangles), properties, has_vertex_normals=True)
    parameters = mi.traverse(shape)
    parameters["faces"] = mi.UInt32(triangles.ravel().astype(np.uint32))
    parameters["vertex_positions"] = mi.Float(vertices.ravel().astype(np.float32))
    parameters.update()
    shape.add_attribute("vertex_albedo", 3, albedo.ravel().astype(np.float32))
    return shape


def strands(bundle: Strands, path: str, bsdf: dict[str, Any]) -> dict[str, Any]:
    with open(path, "w", encoding="ascii") as file:
        file.write(bundle.text())
    return {"type": "bsplinecurve", "filename": path, "bsdf": bsdf}


def _wet() -> dict[str, Any]:
    return twosided({"type": "principled", "base_color": attribute("albedo"), "roughness": 0.35, "specular": 0.3})


def _hair(absorption: tuple[float, ...], white: tuple[float, ...], grey: float) -> dict[str, Any]:
    """Fibres that absorb, and as a part grey ones that scatter: light would need more bounces than are traced to get
    through white hair."""
    fibre = {
        "type": "hair",
        "sigma_a": rgb(absorption),
        "longitudinal_roughness": 0.38,
        "azimuthal_roughness": 0.35,
        "scale_tilt": 2.5,
    }
    if grey == 0:
        return fibre
    return {"type": "blendbsdf", "weight": grey, "first": fibre, "second": _fibre(white)}


def _fibre(colour: tuple[float, ...]) -> dict[str, Any]:
    return twosided({"type": "diffuse", "reflectance": rgb(colour)})
