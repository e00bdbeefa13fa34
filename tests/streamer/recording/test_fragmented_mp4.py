"""A recording's file: frames and audio in step, playable however its writing ended, always marked."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.recording.fragmented_mp4 import FragmentedMp4
from streamer.recording.mark import NOTICE, SOURCE_TYPE, marked, xmp_of
from tests.lipcast.commands.recordings import click, onset
from tests.sounds import Samples

SIZE = (64, 48)
FRAME, PACKET = 1920, 960  # samples


def grey(level: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    return np.full((size[1], size[0], 3), level, np.uint8)


def record(file: FragmentedMp4, sound: Samples, first: int = 0, skip: range = range(0)) -> None:
    """The sound with frames that flash as it is loud. first: the session's frame that it begins with; skip: those of
    which neither frame nor sound comes."""
    for index in range(len(sound) // FRAME):
        samples = sound[index * FRAME :][:FRAME]
        if index in skip:
            continue
        file.add_frame(grey(220 if np.abs(samples).max() > 0.2 else 20), first + index)
        for part in range(2):
            file.add_audio(samples[part * PACKET :][:PACKET], (first + index) * FRAME + part * PACKET)


def times_and_levels(path: Path) -> list[tuple[float, float]]:
    with av.open(str(path)) as container:
        return [
            (frame.time or 0.0, float(frame.to_ndarray(format="gray").mean())) for frame in container.decode(video=0)
        ]


def sound_of(path: Path) -> Samples:
    """From 0 s on."""
    with av.open(str(path)) as container:
        frames = [frame for frame in container.decode(audio=0) if (frame.time or 0.0) >= 0]
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])


@pytest.mark.parametrize("first", [0, 1234])
def test_a_flash_is_seen_when_its_click_is_heard(tmp_path: Path, first: int) -> None:
    file = FragmentedMp4(tmp_path / "a.mp4", SIZE, 25, "Helen")
    record(file, click(2.0, at=1.21), first)
    file.close()
    bright = [time for time, level in times_and_levels(tmp_path / "a.mp4") if level > 100]
    assert bright == [pytest.approx(1.2)]
    assert onset(sound_of(tmp_path / "a.mp4")) == pytest.approx(1.21, abs=0.002)


def test_what_never_came_leaves_the_rest_in_step(tmp_path: Path) -> None:
    file = FragmentedMp4(tmp_path / "a.mp4", SIZE, 25, "Helen")
    record(file, click(3.0, at=2.41), skip=range(10, 50))
    assert (file.seconds, file.frames) == (3.0, 35)
    file.close()
    bright = [time for time, level in times_and_levels(tmp_path / "a.mp4") if level > 100]
    assert bright == [pytest.approx(2.4)]
    assert onset(sound_of(tmp_path / "a.mp4")) == pytest.approx(2.41, abs=0.002)


@pytest.mark.parametrize("seconds", [2.0, 3.4, 5.0])
def test_a_file_that_was_never_closed_plays_and_lacks_a_second_at_most(tmp_path: Path, seconds: float) -> None:
    file = FragmentedMp4(tmp_path / "a.mp4", SIZE, 25, "Helen")
    record(file, click(seconds, at=0.5))
    cut = tmp_path / "cut.mp4"
    cut.write_bytes((tmp_path / "a.mp4").read_bytes())  # as a process that is killed leaves it
    times = [time for time, _ in times_and_levels(cut)]
    assert times[-1] >= seconds - 1.1
    assert len(sound_of(cut)) / 48_000 >= seconds - 1.2
    assert marked(xmp_of(cut))
    file.close()
    assert times_and_levels(tmp_path / "a.mp4")[-1][0] == pytest.approx(seconds - 0.04)


def test_the_mark_is_there_for_people_and_for_programs(tmp_path: Path) -> None:
    file = FragmentedMp4(tmp_path / "a.mp4", SIZE, 25, "Helen")
    record(file, click(0.2, at=0.1))
    file.close()
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert (container.metadata["title"], container.metadata["comment"]) == ("Helen", NOTICE)
    assert SOURCE_TYPE.encode() in xmp_of(tmp_path / "a.mp4")


def test_odd_sizes_get_a_row_and_a_column(tmp_path: Path) -> None:
    file = FragmentedMp4(tmp_path / "a.mp4", (63, 47), 25, "Helen")
    file.add_frame(grey(90, (63, 47)), 0)
    file.close()
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (64, 48)
        assert next(container.decode(video=0)).to_ndarray(format="gray").std() < 2


def test_seeking_finds_a_key_frame_each_two_seconds(tmp_path: Path) -> None:
    file = FragmentedMp4(tmp_path / "a.mp4", SIZE, 25, "Helen")
    record(file, click(5.0, at=0.5))
    file.close()
    with av.open(str(tmp_path / "a.mp4")) as container:
        keys = [float(packet.pts * packet.time_base) for packet in container.demux(video=0) if packet.is_keyframe]  # type: ignore[operator]
    assert keys[0] == 0
    assert max(np.diff([*keys, 5.0])) <= 2.01


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("somebody's")
    with pytest.raises(FileExistsError):
        FragmentedMp4(tmp_path / "a.mp4", SIZE, 25, "Helen")
    assert (tmp_path / "a.mp4").read_text() == "somebody's"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_told_and_not_lost_in_the_library(tmp_path: Path) -> None:
    file = FragmentedMp4(tmp_path / "a.mp4", SIZE, 25, "Helen")
    record(file, click(2.0, at=0.5))
    file._file._file.close()
    file._file._file = Path("/dev/full").open("wb", buffering=0)
    with pytest.raises(OSError, match=f"Errno {errno.ENOSPC}"):
        record(file, click(2.0, at=0.5), first=50)
    with pytest.raises(OSError, match=f"Errno {errno.ENOSPC}"):
        file.close()


def test_files_of_other_kinds_have_no_mark(tmp_path: Path) -> None:
    for name, content in (("empty", b""), ("text", b"a text, no video at all"), ("zeros", bytes(100))):
        (tmp_path / name).write_bytes(content)
        assert xmp_of(tmp_path / name) == b""
