"""Avatars are read whole or refused with a reason."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from engines.face.avatar import load_avatar, read_manifest, save_avatar
from engines.face.errors import AvatarError
from tests.engines.face import tiny_avatar as tiny

Change = Callable[[dict[str, NDArray[Any]]], object]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a valid avatar."""
    folder = tiny.save(tmp_path_factory.mktemp("avatars") / "tiny")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(saved: dict[str, bytes], tmp_path: Path) -> Path:
    """A fresh copy to spoil."""
    for name, content in saved.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_a_saved_avatar_reads_back(folder: Path) -> None:
    avatar = load_avatar(folder)
    assert (avatar.name, avatar.width, avatar.height) == ("tiny", tiny.SIZE, tiny.SIZE)
    assert avatar.manifest == tiny.manifest()
    for name, tensor in tiny.tensors().items():
        np.testing.assert_array_equal(getattr(avatar.face, name), tensor)


def test_the_loop_is_decoded_to_rgb(folder: Path) -> None:
    loop = np.stack(list(load_avatar(folder).loop))
    assert loop.shape == (tiny.FRAMES, tiny.SIZE, tiny.SIZE, 3)
    assert loop.dtype == np.uint8
    assert np.abs(loop.mean(axis=(0, 1, 2)) - tiny.loop().mean(axis=(0, 1, 2))).max() < 4


def test_what_was_read_cannot_be_written(folder: Path) -> None:
    avatar = load_avatar(folder)
    assert not avatar.loop[0].flags.writeable
    assert not avatar.face.mesh.flags.writeable


@pytest.mark.parametrize("name", ["avatar.json", "loop.mp4", "face.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(AvatarError, match=f"{name}: expected a file, found none"):
        load_avatar(folder)


@pytest.mark.parametrize("name", ["avatar.json", "loop.mp4", "face.safetensors"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe not this", b"[]"])
def test_a_damaged_file_is_named(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(AvatarError, match=name):
        load_avatar(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("format", None),
        ("name", 7),
        ("licence", None),
        ("ai_generated", "yes"),
        ("width", 512.0),
        ("height", -96),
        ("frames", 0),
        ("frames", 5),
        ("frames", 3),
        ("width", 64),
        ("frame_rate", True),
        ("frames", 10**9),
    ],
)
def test_a_wrong_manifest_is_refused(folder: Path, field: str, value: object) -> None:
    path = folder / "avatar.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(AvatarError, match="expected"):
        load_avatar(folder)


def test_a_loop_that_no_memory_holds_is_refused_by_the_manifest_alone(folder: Path) -> None:
    path = folder / "avatar.json"
    sizes = dict.fromkeys(("frames", "width", "height"), 4096)
    path.write_text(json.dumps(json.loads(path.read_text()) | sizes))
    with pytest.raises(AvatarError, match=r"avatar\.json: .*206\.2 GB of frames, at most 1\.5 GB are read"):
        read_manifest(path)


@pytest.mark.parametrize("text", ['{"format": ' + "9" * 5000 + "}", "[" * 100_000])
def test_json_that_has_no_end_is_refused(folder: Path, text: str) -> None:
    (folder / "avatar.json").write_text(text)
    with pytest.raises(AvatarError, match=r"avatar\.json: expected JSON"):
        load_avatar(folder)


@pytest.mark.parametrize("name", ["avatar.json", "face.safetensors"])
def test_a_file_that_can_be_opened_and_not_read_is_refused(folder: Path, name: str) -> None:
    """As on a broken disk: nobody can read a process's memory from its beginning."""
    (folder / name).unlink()
    (folder / name).symlink_to("/proc/self/mem")
    with pytest.raises(AvatarError, match=f"{name}: expected .*, found an error: "):
        load_avatar(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
@pytest.mark.parametrize("name", ["avatar.json", "loop.mp4", "face.safetensors"])
def test_a_file_that_we_may_not_read_is_refused(folder: Path, name: str) -> None:
    (folder / name).chmod(0)
    with pytest.raises(AvatarError, match=f"{name}: expected a file that can be opened, found an error: "):
        load_avatar(folder)


@pytest.mark.parametrize(("kind", "size"), [("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1)])
def test_types_that_numpy_does_not_have_are_refused(folder: Path, kind: str, size: int) -> None:
    """Unless another library has taught it some of them: then they are of a wrong type."""
    header = json.dumps({"mesh": {"dtype": kind, "shape": [4], "data_offsets": [0, 4 * size]}}).encode()
    (folder / "face.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4 * size))
    with pytest.raises(AvatarError, match=r"face\.safetensors: expected "):
        load_avatar(folder)


def test_a_loop_of_another_format_is_refused(folder: Path) -> None:
    """Whatever its name says: a playlist, for one, would have us open other files."""
    (folder / "elsewhere.mp4").write_bytes((folder / "loop.mp4").read_bytes())
    (folder / "loop.mp4").write_text("ffconcat version 1.0\nfile elsewhere.mp4\n")
    with pytest.raises(AvatarError, match=r"loop\.mp4: expected a video that can be decoded"):
        load_avatar(folder)


def spoil(name: str, change: Callable[[NDArray[Any]], Any]) -> Change:
    def apply(tensors: dict[str, NDArray[Any]]) -> None:
        tensors[name] = np.array(change(tensors[name].copy()))

    return apply


def set_first(value: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def apply(tensor: NDArray[Any]) -> NDArray[Any]:
        tensor[(0,) * tensor.ndim] = value
        return tensor

    return apply


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda tensors: tensors.pop("mesh"), "mesh"),
        (lambda tensors: tensors.pop("interocular"), "interocular"),
        (spoil("mesh", lambda mesh: mesh[:-1]), "basis"),
        (spoil("mesh", lambda mesh: mesh.astype(np.float64)), "mesh of type float32"),
        (spoil("mesh", set_first(np.nan)), "mesh within"),
        (spoil("basis", set_first(np.inf)), "basis within"),
        (spoil("basis", lambda basis: basis[:-1]), "basis of shape"),
        (spoil("triangles", set_first(999)), "triangles within"),
        (spoil("triangles", set_first(-1)), "triangles within"),
        (spoil("triangles", lambda triangles: triangles[:0]), "triangles of shape"),
        (spoil("inner_upper", lambda upper: upper[:-1]), "inner_lower"),
        (spoil("inner_upper", lambda upper: upper[::-1]), "share their corners"),
        (spoil("mesh", lambda mesh: mesh[::-1]), "meet at rest"),
        (spoil("alignment", lambda alignment: alignment[:-1]), "alignment of shape"),
        (spoil("alignment", lambda alignment: alignment * 0), "alignment"),
        (spoil("alignment", lambda alignment: alignment * 10), "crops of at most 192 pixels in frames of 96×96"),
        (
            spoil("alignment", lambda alignment: alignment * np.array([[10, 0.02, 1]], np.float32)),
            "crops of at most 192 pixels",
        ),
        (spoil("mask", lambda mask: mask[:, :-1]), "mask of shape"),
        (spoil("mask", lambda mask: mask | 1), "mask"),
        (spoil("interior_upper", lambda picture: picture[:, :, :3]), "interior_upper"),
        (spoil("interior_lower", lambda picture: picture[:-1]), "interior_lower"),
        (spoil("jaw", lambda jaw: jaw.T), "jaw of shape"),
        (spoil("cavity", lambda cavity: cavity.astype(np.int32)), "cavity of type uint8"),
        (spoil("interocular", lambda distance: -distance), "interocular above 0"),
    ],
)
def test_wrong_tensors_are_refused(folder: Path, change: Change, named: str) -> None:
    path = folder / "face.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file({name: np.array(tensor, order="C") for name, tensor in tensors.items()}, path)
    with pytest.raises(AvatarError, match=named):
        load_avatar(folder)


def test_the_error_says_where_what_and_how_to_fix(folder: Path) -> None:
    (folder / "loop.mp4").unlink()
    with pytest.raises(AvatarError) as caught:
        load_avatar(folder)
    assert caught.value.path == folder / "loop.mp4"
    assert caught.value.fix in str(caught.value)


def test_saving_replaces_the_older_avatar(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "tiny")
    (folder / "left over").touch()
    tiny.save(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "avatar.json",
        "face.safetensors",
        "loop.mp4",
        "preview.jpg",
    ]


def test_a_wrong_avatar_is_not_saved_and_the_older_one_stays(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "tiny")
    with pytest.raises(AvatarError):
        save_avatar(folder, tiny.manifest(frames=9), tiny.tensors(), tiny.video(tiny.loop()), b"")
    assert load_avatar(folder).name == "tiny"
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
