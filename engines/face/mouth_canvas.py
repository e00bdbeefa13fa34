"""A stream's idle loop: its position in the loop, and frames of it with another mouth. Shared by all engines.

Knows no audio, no network and no time.
"""

from __future__ import annotations

from engines.api import Box, Picture
from engines.arrays import F32, U8
from engines.face.avatar import FaceAvatar
from engines.face.composite import Windows, add_residual, blend, mask_in_window
from engines.face.interior import MouthInteriorTextures
from engines.face.structurist import MouthWarp, Structurist
from engines.face.toning import toned, toning
from engines.motion import LipMotion

UNCHANGED = Box(0, 0, 0, 0)  # of a picture that is a frame of the loop


class MouthCanvas:
    """For one stream. `advance` once for each chunk; everything else may be called for any frame of the loop."""

    __slots__ = ("_avatar", "_latest", "_position", "_structurist", "_toning", "_windows")

    def __init__(self, avatar: FaceAvatar, textures: MouthInteriorTextures) -> None:
        self._avatar = avatar
        self._position = 0
        self._latest: tuple[int, U8] | None = None  # the still that was read last, until it is given away
        self._windows = Windows(avatar)
        height, width = self._windows.height, self._windows.width
        self._structurist = Structurist(avatar.face, height, width, avatar.face.scale, textures)
        box = self._windows.box(0)
        self._toning = toning(avatar.loop[0][box.top : box.top + box.height, box.left : box.left + box.width])

    @property
    def avatar(self) -> FaceAvatar:
        return self._avatar

    def advance(self) -> int:
        """The loop frame of the next chunk, in [0, frames)."""
        self._position += 1
        return self.earlier(0)

    def earlier(self, chunks: int) -> int:
        """The loop frame of so many chunks before the latest one."""
        return (self._position - 1 - chunks) % len(self._avatar.loop)

    def still(self, frame: int) -> U8:
        """A frame of the loop, (height, width, 3) uint8: not to be written to, and valid until the next compose."""
        still: U8 = self._avatar.loop[frame]
        self._latest = frame, still
        return still

    def warp(self, frame: int, motion: LipMotion) -> MouthWarp:
        """The mouth of a loop frame, moved; valid until the next call."""
        alignment = self._avatar.face.alignment[frame]
        return self._structurist.move(alignment, self._windows.to_window(self._avatar, frame), motion)

    def paint(self, still: U8, warp: MouthWarp) -> U8:
        """The window around the mouth, (h, w, 3) uint8. still: the loop frame that the warp is of."""
        return self._structurist.paint(still, warp)

    def idle(self, frame: int) -> Picture:
        """A frame of the loop as it is."""
        return Picture(self._own(frame), changed=UNCHANGED)

    def compose(self, frame: int, motion: LipMotion, drawn: U8 | None = None, residual: F32 | None = None) -> Picture:
        """A frame of the loop with another mouth.

        drawn: what paint gave for this frame and motion, None: it is painted now; residual (S, S, 3): grey levels that
        are added over the crop.
        """
        rgb = self._own(frame)
        to_window = self._windows.to_window(self._avatar, frame)
        if drawn is None:
            drawn = self.paint(rgb, self.warp(frame, motion))
        if residual is not None:
            drawn = add_residual(drawn, residual, to_window)
        if self._toning is not None:
            drawn = toned(drawn, self._toning)
        blend(
            rgb, drawn, mask_in_window(self._avatar.face.mask, to_window, *drawn.shape[:2]), self._windows.origin(frame)
        )
        return Picture(rgb, changed=self._windows.box(frame))

    def _own(self, frame: int) -> U8:
        """A frame of the loop that may be written to and given away: read once, if it is the latest still."""
        latest, self._latest = self._latest, None
        still: U8 = latest[1] if latest is not None and latest[0] == frame else self._avatar.loop[frame]
        return still if still.flags.owndata else still.copy()
