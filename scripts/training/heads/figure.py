"""A presenter's body: everything that is drawn, posed for one frame. Knows nothing of light and of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from scripts.training.heads.appearance import Appearance
from scripts.training.heads.beard import grow_beard
from scripts.training.heads.brows import Bound, brows, lashes
from scripts.training.heads.camera import rigid_pose, transform
from scripts.training.heads.eyes import Eyeball, eyeballs, outside
from scripts.training.heads.fields import ramp
from scripts.training.heads.frame_pose import FramePose
from scripts.training.heads.model import EYE_SOCKETS, FACE, HeadModel
from scripts.training.heads.oral_cavity import OralCavity, lining_share
from scripts.training.heads.skin import SkinMaps, paint
from scripts.training.heads.strands import Strands
from scripts.training.heads.styles import dressed, grown, hidden, worn
from scripts.training.heads.surface import Subdivision, normals, subdivide
from scripts.training.heads.wearables import Wearable, neck_share

SKIN_SIZE = EYE_SOCKETS.stop  # face, neck, mouth socket and eye sockets are one surface
LID_THICKNESS = 0.035  # centimetres between an eyeball and the outside of its lid
PIVOT = np.array([0.0, -5.0, 0.0])  # where the neck carries the head


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Positions at one instant, in the scene: (V, 3) of each surface and (N, K, 3) of each bundle of strands.

    pieces, bound and inside by the names that Figure has for them; hair is None where no strand is seen.
    """

    skin: NDArray[np.float64]
    eyes: list[NDArray[np.float64]]
    wearables: dict[str, NDArray[np.float64]]
    hair: NDArray[np.float64] | None
    bound: dict[str, NDArray[np.float64]]
    lashes: NDArray[np.float64]
    inside: dict[str, NDArray[np.float64]]


class Figure:
    """Built once for an appearance; pose() places it."""

    def __init__(self, model: HeadModel, appearance: Appearance, talks: bool = False) -> None:
        """talks: the mouth may open, so that teeth and tongue are drawn; a loop's mouth stays shut."""
        self.model, self.appearance = model, appearance
        skin_faces = np.isin(model.kit.face_material, [model.kit.materials.index(m) for m in ("M_Face", "M_BackHead")])
        self.surface: Subdivision = subdivide(model.kit.faces[skin_faces], SKIN_SIZE, 2)
        self.rest = self._fine(model.neutral)
        self.triangles = _seen(self.surface.triangles, self.rest, hidden(appearance.hair, self.rest))
        on_face = self.surface.matrix @ (np.arange(SKIN_SIZE) < FACE.stop).astype(np.float64)
        self._lids = np.flatnonzero((on_face > 0.999) & (np.abs(self.rest - (0, 3.6, 9)).max(axis=1) < 6.0))
        self.maps: SkinMaps = paint(model, self.rest, appearance)
        self.inside = OralCavity(model) if talks else None
        if self.inside:
            self.maps = self.inside.line(self.maps, self.rest, lining_share(self.surface, SKIN_SIZE))
        self.eyeballs: list[Eyeball] = eyeballs(model, appearance.eyes, appearance.seed)
        strands, of_hair = grown(appearance.hair, self.rest, self.maps.scalp, appearance.seed)
        self.hair: Strands | None = strands
        marks = model.neutral[model.landmarks68].astype(np.float64)
        self.wearables: dict[str, Wearable] = {
            **of_hair,
            **dressed(appearance.clothes, appearance.seed),
            **worn(appearance.glasses, marks),
        }
        # Hairs that the skin carries, by name.
        normal = normals(self.rest, self.triangles)
        self.bound: dict[str, Bound] = {"brows": brows(model, self.rest, normal, appearance.skin, appearance.seed)}
        if appearance.skin.beard:
            self.bound["beard"] = grow_beard(self.rest, normal, self.maps.beard, appearance.skin.beard, appearance.seed)
        self.lashes: Bound = lashes(model, appearance.seed)
        self._lash_roots = cKDTree(self.rest[self._lids]).query(self.lashes.strands.points[:, 0])[1]

    def pose(self, frame_pose: FramePose) -> Pose:
        head = self.inside.head(frame_pose.expression) if self.inside else self.model.vertices(frame_pose.expression)
        inside = self.inside.surfaces(head) if self.inside else {}
        skin = self._fine(head)
        skin = skin + normals(skin, self.triangles) * self.maps.relief[:, None]
        eyes = [ball.turned(head, frame_pose.gaze_right, frame_pose.gaze_up) for ball in self.eyeballs]
        lids = skin[self._lids]
        for ball, eye in zip(self.eyeballs, eyes, strict=True):
            lids = outside(lids, ball, eye, LID_THICKNESS)
        lash = self.lashes.moved(head.astype(np.float64))
        shut = max(frame_pose.expression.get("eyeBlink_L", 0.0), frame_pose.expression.get("eyeBlink_R", 0.0))
        lash = lash + (lids - skin[self._lids])[self._lash_roots][:, None]
        for ball, eye in zip(self.eyeballs, eyes, strict=True):
            clear = outside(lash.reshape(-1, 3), ball, eye, 2 * LID_THICKNESS).reshape(lash.shape)
            lash = lash + min(shut, 1.0) * (clear - lash)  # open lids hide the roots of some lashes, as they should
        skin[self._lids] = lids
        return Pose(
            skin=self.place(skin, frame_pose),
            eyes=[self.place(eye, frame_pose) for eye in eyes],
            wearables={
                name: self.place(piece.vertices, frame_pose, piece.share) for name, piece in self.wearables.items()
            },
            hair=self.place(self.hair.points, frame_pose) if self.hair else None,
            bound={name: self.place(hairs.moved(skin), frame_pose) for name, hairs in self.bound.items()},
            lashes=self.place(lash, frame_pose),
            inside={name: self.place(points, frame_pose) for name, points in inside.items()},
        )

    def _fine(self, head: NDArray[np.float32]) -> NDArray[np.float64]:
        """The fine skin of a head (26719, 3). Subdivision shrinks; lips and lids must stay where the model has them,
        so the coarse vertices are pushed out first, by as much as they would be drawn in."""
        coarse = head[:SKIN_SIZE].astype(np.float64)
        shrunk = (self.surface.matrix @ coarse)[:SKIN_SIZE]
        return np.asarray(self.surface.matrix @ (2 * coarse - shrunk))

    def head_pose(self, frame_pose: FramePose) -> NDArray[np.float64]:
        """The 4×4 rigid pose of the skull: what place() does to the whole face."""
        lift = np.array([0.0, 0.05 * frame_pose.breath, 0.02 * frame_pose.breath])
        return rigid_pose(frame_pose.yaw, frame_pose.pitch, frame_pose.roll, PIVOT, lift)

    def place(
        self, points: NDArray[np.floating], frame_pose: FramePose, share: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Points (…, 3) of the head at rest, in the scene: the head turns, the chest breathes, the neck is between.

        share: (…,) how much the head carries of each; None: as it carries skin and hair there.
        """
        rest = np.asarray(points, np.float64)
        lift = 0.13 * ramp(np.hypot(rest[..., 0], rest[..., 2]), 2.0, 10.0) + 0.03
        body = rest + frame_pose.breath * np.stack([0.004 * rest[..., 0], lift, 0.6 * lift], axis=-1)
        carried = (neck_share(rest) if share is None else share)[..., None]
        return transform(self.head_pose(frame_pose), rest) * carried + body * (1 - carried)


def _seen(triangles: NDArray[np.int32], points: NDArray[np.float64], hidden: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Without the back of head and neck, which the camera never sees and hair covers from the lights, and without what
    is hidden."""
    return np.asarray(triangles[(points[triangles, 2].max(axis=1) > -4.5) & ~hidden[triangles].all(axis=1)])
