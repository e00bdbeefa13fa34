"""Materials and presenters as plain values."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from engines.face.avatar import load_avatar
from engines.loader import SHIPPED
from scripts.training.heads.appearance import Appearance, Blazer, Cardigan, Headscarf, LongHair, ShortHair
from scripts.training.heads.materials import MATERIALS, attribute, enamel, flesh
from scripts.training.heads.people import APPEARANCES
from scripts.training.heads.styles import dressed
from scripts.training.heads.wearables import Wearable


def inner(material: dict[str, Any]) -> dict[str, Any]:
    assert material["type"] == "twosided"
    found = material["inner"]
    assert isinstance(found, dict)
    return found


def test_every_material_takes_its_colour_from_the_vertices() -> None:
    for make in (*MATERIALS.values(), enamel, flesh):
        values = inner(make())
        assert attribute("albedo") in values.values()


def test_only_metal_is_metallic_and_wool_has_most_sheen() -> None:
    made = {name: inner(make()) for name, make in MATERIALS.items()}
    assert [name for name, values in made.items() if "metallic" in values] == ["metal"]
    assert made["wool"]["sheen"] > made["cloth"]["sheen"] > made["metal"].get("sheen", 0)


def test_teeth_are_smoother_than_gums() -> None:
    assert inner(enamel())["roughness"] < inner(flesh())["roughness"]


@pytest.mark.parametrize("name", sorted(APPEARANCES))
def test_presenters_that_ship_say_the_same_of_themselves_as_their_look(name: str) -> None:
    look, manifest = APPEARANCES[name], load_avatar(SHIPPED / name).manifest
    assert (look.name, look.title, look.description) == (manifest.name, manifest.title, manifest.description)
    assert manifest.ai_generated


@pytest.mark.parametrize("name", sorted(APPEARANCES))
def test_garments_are_of_materials_that_there_are(name: str) -> None:
    look: Appearance = APPEARANCES[name]
    for wearable in dressed(look.clothes, look.seed).values():
        assert isinstance(wearable, Wearable)
        assert wearable.material in MATERIALS
        assert 0 < wearable.albedo.min() <= wearable.albedo.max() <= 1


def test_presenters_differ_in_style_and_identity() -> None:
    looks = list(APPEARANCES.values())
    assert {type(look.hair) for look in looks} == {LongHair, ShortHair, Headscarf}
    assert {Blazer, Cardigan} <= {type(look.clothes) for look in looks}
    assert len({look.identity.seeds for look in looks}) == len(looks)
