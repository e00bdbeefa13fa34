"""`lipcast avatar`: made, listed, drawn, deleted, carried away and brought back; and what must not come in."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.face.avatar import load_avatar
from engines.face.enrolment.enrol import BACKGROUND
from engines.face.enrolment.points_file import NAMES
from lipcast.cli import main
from lipcast.commands import avatar_cli
from tests.engines.face import tiny_avatar
from tests.engines.face.enrolment.faces import drawn, face, save_picture
from tests.engines.face.enrolment.test_points_file import points_of


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's folder with one avatar, "tiny"."""
    tiny_avatar.save(tmp_path / "own" / "tiny")
    return tmp_path / "own"


@pytest.fixture
def points(tmp_path: Path) -> Path:
    path = tmp_path / "points.json"
    path.write_text(json.dumps({"points": points_of(face())}))
    return path


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    return save_picture(tmp_path / "portrait.png", drawn(face()))


def create(own: Path, portrait: Path, points: Path, *more: str, name: str = "ana") -> int:
    words = ["avatar", "create", name, str(portrait), "--landmarks", str(points), "--presenters", str(own)]
    return main([*words, *(more or ("--consent", "drawn by code"))])


@pytest.mark.slow
def test_a_picture_and_points_make_an_avatar(
    own: Path, portrait: Path, points: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(own, portrait, points, "--consent", "drawn by code", "--title", "Ana") == 0
    avatar = load_avatar(own / "ana")
    assert (avatar.manifest.title, avatar.manifest.consent, avatar.manifest.ai_generated) == (
        "Ana",
        "drawn by code",
        True,
    )
    assert sorted(path.name for path in own.iterdir()) == ["ana", "tiny"]
    said = capsys.readouterr().err
    assert "looking for the face" in said
    assert "100 %" in said
    assert create(own, portrait, points) == 1
    assert "exists already; choose another name, or --force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "more", "reason"),
    [
        ("ana", (), "an avatar needs the consent of the person shown"),
        ("ana", ("--consent", "  "), "an avatar needs the consent of the person shown"),
        ("../ana", ("--consent", "me"), "expected a name of lower-case letters"),
        ("Ana", ("--consent", "me"), "expected a name of lower-case letters"),
        ("mira", ("--consent", "me"), "a presenter of that name ships with Lipcast"),
        ("tiny", ("--consent", "me"), "exists already"),
    ],
)
def test_refused_before_anything_is_read(
    own: Path, points: Path, capsys: pytest.CaptureFixture[str], name: str, more: tuple[str, ...], reason: str
) -> None:
    words = ["avatar", "create", name, "nowhere.jpg", "--landmarks", str(points), "--presenters", str(own), *more]
    assert main(words) == 1
    assert reason in capsys.readouterr().err


def test_a_refused_picture_leaves_nothing(
    own: Path, tmp_path: Path, points: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    (tmp_path / "portrait.jpg").write_text("no picture")
    assert create(own, tmp_path / "portrait.jpg", points) == 1
    assert "neither a picture nor a clip" in capsys.readouterr().err
    assert not list(scratch.iterdir())
    assert [path.name for path in own.iterdir()] == ["tiny"]


def test_the_list_names_those_that_ship_and_ones_own(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["avatar", "list", "--presenters", str(own)]) == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert ["tiny", "yours"] in rows
    assert ["mira", "ships"] in rows


def test_a_preview_is_a_sheet_of_mouth_shapes(own: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    assert main(["avatar", "preview", "tiny", "--presenters", str(own), "--out", str(out)]) == 0
    sheet = cv2.imread(str(out))
    assert sheet is not None
    assert sheet.shape == (2 * tiny_avatar.SIZE, 3 * tiny_avatar.SIZE, 3)
    assert main(["avatar", "preview", "tiny", "--presenters", str(own), "--out", str(out)]) == 1


def test_a_deleted_avatar_is_gone(own: Path) -> None:
    assert main(["avatar", "delete", "tiny", "--presenters", str(own)]) == 0
    assert not list(own.iterdir())


@pytest.mark.parametrize("name", ["mira", "nobody", "..", "tiny/../tiny"])
def test_only_ones_own_avatars_are_deleted(own: Path, name: str) -> None:
    assert main(["avatar", "delete", name, "--presenters", str(own)]) == 1
    assert (own / "tiny" / "avatar.json").is_file()


@pytest.fixture
def archive(own: Path, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.lipcast"
    assert main(["avatar", "export", "tiny", str(path), "--presenters", str(own)]) == 0
    return path


def bring(path: Path, tmp_path: Path, *more: str) -> int:
    return main(["avatar", "import", str(path), "--presenters", str(tmp_path / "other"), *more])


def test_an_exported_avatar_comes_back_the_same(archive: Path, own: Path, tmp_path: Path) -> None:
    assert bring(archive, tmp_path) == 0
    for path in (own / "tiny").iterdir():
        assert (tmp_path / "other" / "tiny" / path.name).read_bytes() == path.read_bytes()
    assert bring(archive, tmp_path) == 1
    assert bring(archive, tmp_path, "--force") == 0
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["tiny"]


Change = Callable[[dict[str, bytes]], None]


def spoilt(archive: Path, change: Change) -> Path:
    with zipfile.ZipFile(archive) as old:
        files = {name: old.read(name) for name in old.namelist()}
    change(files)
    path = archive.with_name("spoilt.lipcast")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in files.items():
            new.writestr(name, content)
    return path


def manifest(**changes: Any) -> Change:
    def change(files: dict[str, bytes]) -> None:
        files["avatar.json"] = json.dumps({**json.loads(files["avatar.json"]), **changes}).encode()

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda files: files.update({"../evil.py": b"x"}), "expected a file that `lipcast avatar export` wrote, with"),
        (lambda files: files.update({"/etc/evil": b"x"}), "expected a file that"),
        (lambda files: files.pop("loop.mp4"), "expected a file that"),
        (lambda files: files.update({"loop.mp4": bytes(60_000_000)}), "loop.mp4: expected at most 48000000 bytes"),
        (lambda files: files.update({"loop.mp4": b"MZ program"}), "loop.mp4: by its first bytes it is something else"),
        (lambda files: files.update({"preview.jpg": b"<script>"}), "preview.jpg: by its first bytes"),
        (lambda files: files.update({"face.safetensors": b"x" * 99}), "the avatar cannot be used: "),
        (manifest(name="../../evil"), "expected a name of lower-case letters"),
        (manifest(name="mira"), "ships with Lipcast"),
        (manifest(frames=4096, width=4096, height=4096), "GB of frames, at most"),
        (manifest(frames=3), "expected alignment of shape"),
        (manifest(ai_generated=False), "does not say that it is AI-generated"),
        (manifest(consent=" "), "lacks the consent"),
    ],
)
def test_a_spoilt_archive_is_refused_and_leaves_nothing(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Change, reason: str
) -> None:
    assert bring(spoilt(archive, change), tmp_path) == 1
    assert reason in capsys.readouterr().err
    assert not list((tmp_path / "other").iterdir())
    assert not (tmp_path / "evil.py").exists()


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(200)])
def test_what_is_no_archive_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    path = tmp_path / "x.lipcast"
    path.write_bytes(content)
    assert bring(path, tmp_path) == 1
    assert "expected a file that `lipcast avatar export` wrote" in capsys.readouterr().err


def test_an_archive_cut_short_is_refused(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-400])
    assert bring(archive, tmp_path) == 1


def test_a_name_listed_twice_is_refused(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive, "a") as more, pytest.warns(UserWarning, match="Duplicate name"):
        more.writestr("avatar.json", b"{}")
    assert bring(archive, tmp_path) == 1


def test_the_points_that_the_documents_name_are_those_that_are_read() -> None:
    text = (Path(__file__).parents[3] / "docs" / "avatars.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in NAMES)


def test_a_damaged_avatar_is_left_out_of_the_list_with_a_warning(
    own: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (own / "broken").mkdir()
    (own / "broken" / "avatar.json").write_text("{")
    assert main(["avatar", "list", "--presenters", str(own)]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert "tiny" in names
    assert "broken" not in names
    assert [record.getMessage() for record in caplog.records if "'broken' is skipped" in record.getMessage()]


@pytest.mark.parametrize(("text", "colour"), [("#ffffff", (255, 255, 255)), ("0a14F0", (10, 20, 240))])
def test_a_background_is_a_colour(text: str, colour: tuple[int, int, int]) -> None:
    assert avatar_cli.colour(text) == colour


@pytest.mark.parametrize("text", ["white", "#fff", "#12345g", ""])
def test_another_background_is_refused(
    own: Path, portrait: Path, points: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        create(own, portrait, points, "--consent", "me", "--background", text)
    assert "expected a colour as #RRGGBB, such as #ffffff for white" in capsys.readouterr().err


def test_the_background_that_the_help_names_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["avatar", "create", "--help"])
    assert "#{:02x}{:02x}{:02x}".format(*BACKGROUND) in capsys.readouterr().out


@pytest.mark.slow
def test_a_cut_out_portrait_gets_the_background(
    own: Path, tmp_path: Path, points: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rgba = np.dstack([drawn(face()), np.full((512, 512), 255, np.uint8)])
    rgba[:100, :, :] = (255, 0, 255, 0)
    path = tmp_path / "cutout.png"
    cv2.imwrite(str(path), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    assert create(own, path, points, "--consent", "me", "--background", "#00ff00") == 0
    assert "they were filled with #00ff00 (--background sets the colour)" in capsys.readouterr().err
    assert load_avatar(own / "ana").loop[0][20, 20].tolist() == pytest.approx([0, 255, 0], abs=12)
