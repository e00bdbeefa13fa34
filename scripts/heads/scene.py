"""The figure as a Mitsuba scene: shapes, materials, lights, sensor. Knows nothing of time and of files."""

from __future__ import annotations

from typing import Any

import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from scripts.heads.camera import Camera
from scripts.heads.figure import Figure, Pose
from scripts.heads.strands import Strands

# Softboxes: centre, aim, half width and half height in centimetres, linear RGB radiance.
LIGHTS: dict[str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, float], tuple[float, ...]]] = {
    "key": ((-62.0, 52.0, 78.0), (0.0, 0.0, 5.0), (26.0, 26.0), (9.0, 8.3, 7.4)),
    "fill": ((85.0, 12.0, 80.0), (0.0, -2.0, 4.0), (40.0, 40.0), (1.05, 1.08, 1.15)),
    "top": ((-10.0, 90.0, 25.0), (0.0, 8.0, 2.0), (28.0, 18.0), (3.4, 3.3, 3.1)),
    "rim right": ((58.0, 38.0, -48.0), (0.0, 2.0, 0.0), (12.0, 34.0), (1.5, 1.4, 1.25)),
    "rim left": ((-62.0, 30.0, -55.0), (0.0, 2.0, 0.0), (10.0, 30.0), (1.3, 1.35, 1.4)),
}
HAIR_SHADES = (1.5, 1.1, 0.75)  # of the absorption: locks differ, which is what makes hair look like hair
AMBIENT = (0.17, 0.17, 0.185)


class Scene:
    """A loaded scene whose shapes move with poses."""

    def __init__(self, figure: Figure, camera: Camera, pose: Pose, folder: str) -> None:
        """folder: where the renderer's strand files are written for loading."""
        maps = figure.maps
        parts: dict[str, Any] = {
            "type": "scene",
            "integrator": {"type": "path", "max_depth": 5, "hide_emitters": True},
            "sensor": sensor(camera),
            "ambient": {"type": "constant", "radiance": rgb(AMBIENT)},
            **lights(),
            "backing": _backing(),
            "skin": mesh(pose.skin, figure.triangles, {"type": "diffuse", "reflectance": attribute("albedo")}),
            "garment": mesh(pose.garment, figure.garment.triangles, _wool()),
            "brows": strands(figure.brows.strands, f"{folder}/brows.txt", _fibre(figure.look.skin.brow)),
            "lashes": strands(figure.lashes.strands, f"{folder}/lashes.txt", _fibre((0.012, 0.009, 0.008))),
        }
        self.hair = figure.hair.split(len(HAIR_SHADES))
        for index, (lock, shade) in enumerate(zip(self.hair, HAIR_SHADES, strict=True)):
            colour = tuple(shade * absorption for absorption in figure.look.hair.colour)
            parts[f"hair{index}"] = strands(lock, f"{folder}/hair{index}.txt", _hair(colour))
        for index, (ball, vertices) in enumerate(zip(figure.eyeballs, pose.eyes, strict=True)):
            eye = mesh(vertices, ball.surface.triangles, _wet())
            eye.add_attribute("vertex_albedo", 3, ball.albedo.ravel().astype(np.float32))
            parts[f"eye{index}"] = eye
        parts["skin"].add_attribute("vertex_albedo", 3, maps.albedo.ravel().astype(np.float32))
        parts["skin"].add_attribute("vertex_roughness", 1, maps.roughness.astype(np.float32))
        parts["garment"].add_attribute("vertex_albedo", 3, figure.garment.albedo.ravel().astype(np.float32))
        self.skin = parts["skin"]
        self.eyes = [parts["eye0"], parts["eye1"]]
        self.figure = figure
        self.scene = mi.load_dict(parts)
        self._parameters = mi.traverse(self.scene)

    def move(self, pose: Pose) -> None:
        """Place every shape anew."""
        p, figure = self._parameters, self.figure
        for name, vertices in (("skin", pose.skin), ("garment", pose.garment)):
            p[f"{name}.vertex_positions"] = mi.Float(vertices.ravel().astype(np.float32))
        for index, vertices in enumerate(pose.eyes):
            p[f"eye{index}.vertex_positions"] = mi.Float(vertices.ravel().astype(np.float32))
        placed = np.array_split(pose.hair, len(self.hair))
        bundles = {f"hair{index}": (lock, placed[index]) for index, lock in enumerate(self.hair)}
        bundles["brows"] = (figure.brows.strands, pose.brows)
        bundles["lashes"] = (figure.lashes.strands, pose.lashes)
        for name, (bundle, points) in bundles.items():
            p[f"{name}.control_points"] = mi.Float(bundle.padded(points).ravel().astype(np.float32))
        p.update()


def rgb(colour: tuple[float, ...]) -> dict[str, Any]:
    return {"type": "rgb", "value": list(colour)}


def attribute(name: str) -> dict[str, Any]:
    return {"type": "mesh_attribute", "name": f"vertex_{name}"}


def sensor(camera: Camera) -> dict[str, Any]:
    """The renderer's sensor that agrees with Camera.project."""
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
            "rfilter": {"type": "box"},
            "pixel_format": "rgba",
        },
        "sampler": {"type": "multijitter"},
    }


def lights() -> dict[str, Any]:
    transform = mi.ScalarTransform4f()
    return {
        name.replace(" ", "_"): {
            "type": "rectangle",
            "to_world": transform.look_at(list(at), list(aim), [0, 1, 0]) @ transform.scale([*size, 1.0]),
            "emitter": {"type": "area", "radiance": rgb(radiance)},
        }
        for name, (at, aim, size, radiance) in LIGHTS.items()
    }


def mesh(vertices: NDArray[np.floating], triangles: NDArray[np.int32], bsdf: dict[str, Any]) -> Any:
    """A triangle mesh with smooth normals."""
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict({"type": "twosided", "inner": bsdf})
    shape = mi.Mesh("mesh", len(vertices), len(triangles), properties, has_vertex_normals=True)
    parameters = mi.traverse(shape)
    parameters["faces"] = mi.UInt32(triangles.ravel().astype(np.uint32))
    parameters["vertex_positions"] = mi.Float(vertices.ravel().astype(np.float32))
    parameters.update()
    return shape


def strands(bundle: Strands, path: str, bsdf: dict[str, Any]) -> dict[str, Any]:
    with open(path, "w", encoding="ascii") as file:
        file.write(bundle.text())
    return {"type": "bsplinecurve", "filename": path, "bsdf": bsdf}


def _backing() -> dict[str, Any]:
    """A dark sheet behind the hair of the nape: through real hair, which is denser, no room would be seen."""
    place = mi.ScalarTransform4f().translate([0, -10, -8]) @ mi.ScalarTransform4f().scale([6.6, 11, 1])
    return {"type": "rectangle", "to_world": place, "bsdf": _fibre((0.01, 0.008, 0.007))}


def _wool() -> dict[str, Any]:
    return {
        "type": "principled",
        "base_color": attribute("albedo"),
        "roughness": 0.85,
        "specular": 0.2,
        "sheen": 1.0,
        "sheen_tint": 0.4,
    }


def _wet() -> dict[str, Any]:
    return {
        "type": "principled",
        "base_color": attribute("albedo"),
        "roughness": 0.35,
        "specular": 0.3,
        "clearcoat": 0.0,
        "clearcoat_gloss": 0.97,
    }


def _hair(absorption: tuple[float, ...]) -> dict[str, Any]:
    return {
        "type": "hair",
        "sigma_a": rgb(absorption),
        "longitudinal_roughness": 0.38,
        "azimuthal_roughness": 0.35,
        "scale_tilt": 2.5,
    }


def _fibre(colour: tuple[float, ...]) -> dict[str, Any]:
    return {"type": "twosided", "inner": {"type": "diffuse", "reflectance": rgb(colour)}}
