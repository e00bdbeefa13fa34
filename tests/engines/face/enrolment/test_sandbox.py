"""Children with little memory, time and no network; the landmarker, its model and what it may not do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engines.face.enrolment.errors import LandmarksError
from engines.face.enrolment.landmarker import SHA256, Landmarker, face_finder, landmarker_installed, model_file
from engines.face.enrolment.sandbox import ROOT, ChildError, ask

DECODE = "engines.face.enrolment.decode_image_child"


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_child_says_what_was_wrong(tmp_path: Path) -> None:
    request = {"path": str(tmp_path / "none.png"), "kind": "png", "out": str(tmp_path / "o"), "side": 8}
    with pytest.raises(ChildError, match="the picture cannot be decoded"):
        ask(DECODE, request)


def test_a_child_that_fails_is_reported() -> None:
    with pytest.raises(ChildError, match=r"failed with status 1: .*KeyError"):
        ask(DECODE, {})


@pytest.mark.parametrize("kind", ["MEMORY", "FILE_BYTES", "CPU_S", "DESCRIPTORS"])
def test_limits_hold_in_the_child(tmp_path: Path, kind: str) -> None:
    """The module is changed in a process of its own, so that nothing else feels it."""
    tries = {
        "MEMORY": ("200 << 20", "bytearray(400 << 20)", "needs more than"),
        "FILE_BYTES": ("1000", f"sandbox.Path({str(tmp_path / 'out')!r}).write_bytes(bytes(2000))", "File too large"),
        "CPU_S": ("1", "[pow(3, n) for n in range(10**7)]", ""),
        "DESCRIPTORS": ("8", "[open('/dev/null') for _ in range(9)]", "Too many open files"),
    }
    most, work, said = tries[kind]
    code = (
        f"import sys; sys.argv = ['x', '{{}}']\nfrom engines.face.enrolment import sandbox\n"
        f"sandbox.{kind} = {most}\nkept = []\nsandbox.answer(lambda request: kept.append({work}) or {{}})"
    )
    done = python(code)
    assert '{"answer"' not in done.stdout
    assert said in done.stdout + done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the filter")
def test_without_a_network_no_socket_opens_but_files_do() -> None:
    done = python(
        "import socket, threading\n"
        "from engines.face.enrolment.sandbox import close_network\n"
        "close_network()\n"
        "open('/dev/null').close()\n"
        "def tried():\n"
        "    try: socket.socket(); print('open')\n"
        "    except PermissionError: print('refused')\n"
        "tried(); other = threading.Thread(target=tried); other.start(); other.join()\n"
    )
    assert done.stdout.split() == ["refused", "refused"], done.stderr


def test_a_model_that_is_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "face_landmarker.task"
    path.write_bytes(b"something else")
    with pytest.raises(LandmarksError, match=rf"expected the face landmarker's model with SHA-256 {SHA256}, found "):
        model_file(path, tmp_path)
    with pytest.raises(LandmarksError, match="SHA-256"):
        model_file(None, tmp_path)  # the same file, in the cache


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LandmarksError, match=r"no such file; give the model face_landmarker\.task from https"):
        model_file(tmp_path / "none", tmp_path)


def test_without_mediapipe_the_ways_out_are_named(tmp_path: Path) -> None:
    if landmarker_installed():
        pytest.skip("MediaPipe is installed here")
    with pytest.raises(LandmarksError, match=r"'\.\[enrol\]'.*--landmarks"):
        face_finder(None, None, tmp_path, tmp_path)


@pytest.mark.skipif(not landmarker_installed(), reason="MediaPipe is not installed: pip install -e '.[enrol]'")
def test_a_broken_model_is_reported(tmp_path: Path) -> None:
    import numpy as np

    (tmp_path / "m.task").write_bytes(b"nothing")
    with pytest.raises(LandmarksError, match="the face landmarker failed"):
        Landmarker(tmp_path / "m.task", tmp_path).find(np.zeros((1, 64, 64, 3), np.uint8))
