"""What `lipcast verify` says of files that are marked, signed, changed since, or nothing of it."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from lipcast.cli import main
from lipcast.commands.errors import CommandError
from lipcast.commands.render import RenderJob, mark
from lipcast.commands.verify import INVALID, NONE, UNKNOWN, VALID, verify
from streamer.config import C2paConfig
from streamer.errors import ConfigError
from streamer.recording.fragmented_mp4 import FragmentedMp4
from streamer.recording.signing import Signer, signer_of
from tests.c2pa_certificate import NAME, write_certificate

EXTRA = "needs the extra [c2pa]"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording.mp4"
    file = FragmentedMp4(path, (64, 48), 25, "Helen")
    for index in range(30):
        file.add_frame(np.full((48, 64, 3), 8 * index, np.uint8), index)
        file.add_audio(np.zeros(1920, np.float32), index * 1920)
    file.close()
    return path


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    """An MP4 whose index comes first, before it is marked."""
    path = tmp_path / "rendered.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(30):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 * index, np.uint8), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_recording_is_marked(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(recording)]) == 0
    assert "marked as AI-generated: yes (XMP, comment)" in capsys.readouterr().out


def test_a_rendered_video_is_marked_and_plays_as_before(rendered: Path) -> None:
    assert not verify(rendered).marked
    mark(rendered, None)
    found = verify(rendered)
    assert (found.xmp, found.good) == (True, True)
    assert frames(rendered) == 30


def test_another_video_is_not(rendered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(rendered)]) == 1
    assert "no: nothing in the file says so" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"", b"no video"])
def test_what_is_no_video_is_said(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "file.mp4").write_bytes(content)
    with pytest.raises(CommandError, match="give the name of a video file"):
        verify(tmp_path / "file.mp4")


def test_a_signed_file_is_valid_until_it_is_changed(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("c2pa", reason=EXTRA)
    assert verify(recording).manifest == NONE
    Signer(write_certificate(tmp_path)).sign(recording)
    found = verify(recording)
    assert (found.manifest, found.signer, found.generated, found.xmp) == (VALID, NAME, True, True)
    assert found.problems == ("signingCredential.untrusted",)
    assert frames(recording) == 30
    content = bytearray(recording.read_bytes())
    content[content.rindex(b"mdat") + 20] ^= 1
    recording.write_bytes(content)
    assert main(["verify", str(recording), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["c2pa"]["state"], told["ai_generated"]) == (INVALID, True)
    assert "assertion.bmffHash.mismatch" in told["c2pa"]["problems"]


def test_a_rendered_video_is_signed(rendered: Path, tmp_path: Path) -> None:
    pytest.importorskip("c2pa", reason=EXTRA)
    mark(rendered, Signer(write_certificate(tmp_path)))
    found = verify(rendered)
    assert (found.manifest, found.generated, found.xmp) == (VALID, True, True)
    assert frames(rendered) == 30
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_without_the_extra_nothing_is_said_of_manifests(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = verify(recording)
    assert (found.manifest, found.good) == (UNKNOWN, True)
    assert "pip install" in found.text()


def test_a_certificate_without_the_extra_is_refused_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write_certificate(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'lipcast\[c2pa\]'"):
        signer_of(config)


def test_a_certificate_that_cannot_sign_is_refused_at_start(tmp_path: Path) -> None:
    pytest.importorskip("c2pa", reason=EXTRA)
    config = write_certificate(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    write_certificate(other)
    with pytest.raises(ConfigError, match=r"c2pa\.certificate = .*cannot be read"):
        signer_of(C2paConfig(str(tmp_path / "none.pem"), config.private_key))
    with pytest.raises(ConfigError, match=r"c2pa\.private_key = .*BEGIN PRIVATE KEY"):
        signer_of(C2paConfig(config.certificate, config.certificate))
    with pytest.raises(ConfigError, match="a video cannot be signed"):
        signer_of(C2paConfig(config.certificate, str(other / "key.pem")))
    with pytest.raises(ConfigError, match=r"together with c2pa\.certificate"):
        C2paConfig(config.certificate)
    assert signer_of(C2paConfig()) is None


def test_a_rendering_says_before_it_begins_that_it_cannot_sign(tmp_path: Path) -> None:
    from lipcast.commands.render import render
    from streamer.config import Config

    config = Config(c2pa=C2paConfig(str(tmp_path / "none.pem"), str(tmp_path / "none.pem")))
    job = RenderJob(tmp_path / "a.wav", tmp_path / "a.mp4")
    with pytest.raises(ConfigError, match=r"c2pa\.certificate"):
        render(job, config, None, lambda: 0.0)  # type: ignore[arg-type]
