"""Where the mouths of the presenters that ship are."""

from __future__ import annotations

import numpy as np
import pytest

from engines.face.avatar import load_avatar
from engines.loader import SHIPPED
from scripts.tools.mouth_box import mouth_box


@pytest.mark.parametrize("name", ["helen", "mira"])
def test_the_box_holds_the_lips_of_every_frame_and_lies_in_the_picture(name: str) -> None:
    avatar = load_avatar(SHIPPED / name)
    box = mouth_box(avatar)
    assert 0 < box.x < box.x + box.width < avatar.manifest.width
    assert 0 < box.y < box.y + box.height < avatar.manifest.height
    lips = avatar.face.mesh[avatar.face.inner_upper]
    for alignment in avatar.face.alignment[::40]:
        middle = alignment @ np.append(lips.mean(axis=0), 1.0)
        assert box.x < middle[0] < box.x + box.width
        assert box.y <= middle[1] + 1 < box.y + box.height


def test_the_box_reaches_down_as_far_as_a_mouth_opens() -> None:
    box = mouth_box(load_avatar(SHIPPED / "kofi"))
    assert box.height >= 0.5 * box.width
