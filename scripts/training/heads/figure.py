"""A presenter's body: everything that is drawn, posed for one moment. Knows nothing of light and of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from scripts.training.heads.appearance import Look
from scripts.training.heads.beard import grow_beard
from scripts.training.heads.brows import Bound, brows, lashes
from scripts.training.heads.camera import rigid_pose, transform
from scripts.training.heads.eyes import Eyeball, eyeballs, outside
from scripts.training.heads.fields import ramp
from scripts.training.heads.frame_pose import Moment
from scripts.training.heads.model import EYE_SOCKETS, FACE, HeadModel
from scripts.training.heads.oral_cavity import Inside, lining_share
from scripts.training.heads.skin import SkinMaps, paint
from scripts.training.heads.strands import Strands
from scripts.training.heads.styles import dressed, grown, hidden, worn
from scripts.training.heads.surface import Subdivision, normals, subdivide
from scripts.training.heads.wearables import Piece, neck_share

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
    pieces: dict[str, NDArray[np.float64]]
    hair: NDArray[np.float64] | None
    bound: dict[str, NDArray[np.float64]]
    lashes: NDArray[np.float64]
    inside: dict[str, NDArray[np.float64]]


class Figure:
    """Built once for a look; pose() places it."""

    def __init__(self, model: HeadModel, look: Look, talks: bool = False) -> None:
        """talks: the mouth may open, so that teeth and tongue are drawn; a loop's mouth stays shut."""
        self.model, self.look = model, look
        skin_faces = np.isin(model.kit.face_material, [model.kit.materials.index(m) for m in ("M_Face", "M_BackHead")])
        self.surface: Subdivision = subdivide(model.kit.faces[skin_faces], SKIN_SIZE, 2)
        self.rest = self._fine(model.neutral)
        self.triangles = _seen(self.surface.triangles, self.rest, hidden(look.hair, self.rest))
        on_face = self.surface.matrix @ (np.arange(SKIN_SIZE) < FACE.stop).astype(np.float64)
        self._lids = np.flatnonzero((on_face > 0.999) & (np.abs(self.rest - (0, 3.6, 9)).max(axis=1) < 6.0))
        self.maps: SkinMaps = paint(model, self.rest, look)
        self.inside = Inside(model) if talks else None
        if self.inside:
            self.maps = self.inside.line(self.maps, self.rest, lining_share(self.surface, SKIN_SIZE))
        self.eyeballs: list[Eyeball] = eyeballs(model, look.eyes, look.seed)
        strands, of_hair = grown(look.hair, self.rest, self.maps.scalp, look.seed)
        self.hair: Strands | None = strands
        marks = model.neutral[model.landmarks68].astype(np.float64)
        self.pieces: dict[str, Piece] = {**of_hair, **dressed(look.clothes, look.seed), **worn(look.glasses, marks)}
        # Hairs that the skin carries, by name.
        normal = normals(self.rest, self.triangles)
        self.bound: dict[str, Bound] = {"brows": brows(model, self.rest, normal, look.skin, look.seed)}
        if look.skin.beard:
            self.bound["beard"] = grow_beard(self.rest, normal, self.maps.beard, look.skin.beard, look.seed)
        self.lashes: Bound = lashes(model, look.seed)
        self._lash_roots = cKDTree(self.rest[self._lids]).query(self.lashes.strands.points[:, 0])[1]

    def pose(self, moment: Moment) -> Pose:
        head = self.inside.head(moment.expression) if self.inside else self.model.vertices(moment.expression)
        inside = self.inside.surfaces(head) if self.inside else {}
        skin = self._fine(head)
        skin = skin + normals(skin, self.triangles) * self.maps.relief[:, None]
        eyes = [ball.turned(head, moment.gaze_right, moment.gaze_up) for ball in self.eyeballs]
        lids = skin[self._lids]
        for ball, eye in zip(self.eyeballs, eyes, strict=True):
            lids = outside(lids, ball, eye, LID_THICKNESS)
        lash = self.lashes.moved(head.astype(np.float64))
        shut = max(moment.expression.get("eyeBlink_L", 0.0), moment.expression.get("eyeBlink_R", 0.0))
        lash = lash + (lids - skin[self._lids])[self._lash_roots][:, None]
        for ball, eye in zip(self.eyeballs, eyes, strict=True):
            clear = outside(lash.reshape(-1, 3), ball, eye, 2 * LID_THICKNESS).reshape(lash.shape)
            lash = lash + min(shut, 1.0) * (clear - lash)  # open lids hide the roots of some lashes, as they should
        skin[self._lids] = lids
        return Pose(
            skin=self.place(skin, moment),
            eyes=[self.place(eye, moment) for eye in eyes],
            pieces={name: self.place(piece.vertices, moment, piece.share) for name, piece in self.pieces.items()},
            hair=self.place(self.hair.points, moment) if self.hair else None,
            bound={name: self.place(hairs.moved(skin), moment) for name, hairs in self.bound.items()},
            lashes=self.place(lash, moment),
            inside={name: self.place(points, moment) for name, points in inside.items()},
        )

    def _fine(self, head: NDArray[np.float32]) -> NDArray[np.float64]:
        """The fine skin of a head (26719, 3). Subdivision shrinks; lips and lids must stay where the model has them,
        so the coarse vertices are pushed out first, by as much as they would be drawn in."""
        coarse = head[:SKIN_SIZE].astype(np.float64)
        shrunk = (self.surface.matrix @ coarse)[:SKIN_SIZE]
        return np.asarray(self.surface.matrix @ (2 * coarse - shrunk))

    def head_pose(self, moment: Moment) -> NDArray[np.float64]:
        """The 4×4 rigid pose of the skull: what place() does to the whole face."""
        lift = np.array([0.0, 0.05 * moment.breath, 0.02 * moment.breath])
        return rigid_pose(moment.yaw, moment.pitch, moment.roll, PIVOT, lift)

    def place(
        self, points: NDArray[np.floating], moment: Moment, share: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Points (…, 3) of the head at rest, in the scene: the head turns, the chest breathes, the neck is between.

        share: (…,) how much the head carries of each; None: as it carries skin and hair there.
        """
        rest = np.asarray(points, np.float64)
        lift = 0.13 * ramp(np.hypot(rest[..., 0], rest[..., 2]), 2.0, 10.0) + 0.03
        body = rest + moment.breath * np.stack([0.004 * rest[..., 0], lift, 0.6 * lift], axis=-1)
        carried = (neck_share(rest) if share is None else share)[..., None]
        return transform(self.head_pose(moment), rest) * carried + body * (1 - carried)


def _seen(triangles: NDArray[np.int32], points: NDArray[np.float64], hidden: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Without the back of head and neck, which the camera never sees and hair covers from the lights, and without what
    is hidden."""
    return triangles[(points[triangles, 2].max(axis=1) > -4.5) & ~hidden[triangles].all(axis=1)]
