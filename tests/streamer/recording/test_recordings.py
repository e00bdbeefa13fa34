"""Recordings over HTTP: begun, watched, stopped, fetched, deleted; limits and faults touch no other session."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lipcast.commands.verify import VALID, verify
from streamer.config import Config, RecordingConfig, ServerConfig
from streamer.recording import recordings as module
from streamer.recording.recorder import CAPACITY, Recorder
from streamer.recording.recordings import open_file
from streamer.recording.signing import NotSigned, Signer
from streamer.server.live_session import LiveSession
from tests.c2pa_certificate import write_certificate
from tests.streamer.server_harness import AVATAR, ServerHarness

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


def config_of(folder: Path | str, **limits: int) -> Config:
    return Config(server=ServerConfig(max_sessions=4), recording=RecordingConfig(str(folder), **limits))


async def session_of(harness: ServerHarness) -> str:
    """A session that speaks; its URL."""
    await harness.ready()
    made = await harness.post("/api/sessions", json={"avatar": AVATAR, "source": "pcm"})
    live = harness.server.ready()[1].find(made.json()["id"])
    assert live.speech is not None
    live.speech.start("talk", 16_000)
    live.speech.push("talk", (3000 * np.sin(np.arange(16_000 * 9) / 10)).astype(np.int16))
    url: str = made.json()["url"]
    return url


async def begin(harness: ServerHarness, url: str) -> dict[str, Any]:
    made = await harness.post(f"{url}/recordings")
    assert made.status_code == 201, made.text
    body: dict[str, Any] = made.json()
    assert made.headers["location"] == body["url"]
    return body


async def request(harness: ServerHarness, method: str, url: str) -> Any:
    """One whose answer needs time to pass."""
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await harness.client.request(method, url))

    harness_task = harness.server.ready()[1]._tasks.spawn(ask, "test", "request")
    await harness.pass_until(harness_task.done)
    return answers[0]


def duration(path: Path) -> float:
    with av.open(str(path)) as container:
        return [frame.time or 0.0 for frame in container.decode(video=0)][-1] + 0.04


async def test_a_session_is_recorded_stopped_fetched_and_deleted(folder: Path, tmp_path: Path) -> None:
    async with ServerHarness(folder, config_of(tmp_path / "made by the server")) as harness:
        url = await session_of(harness)
        recording = await begin(harness, url)
        assert (recording["state"], recording["ai_generated"], recording["seconds"]) == ("recording", True, 0)
        assert (await harness.get(url)).json()["recording"] is True
        assert harness.value("recordings") == 1
        await harness.clock.advance(3)  # type: ignore[attr-defined]
        progress = (await harness.get(recording["url"])).json()
        assert progress["seconds"] == pytest.approx(3, abs=0.5)
        assert progress["bytes"] > 1000
        assert (await harness.get(recording["file"])).status_code == 409
        stopped = (await request(harness, "POST", recording["url"] + "/stop")).json()
        assert (stopped["state"], stopped["reason"], stopped["dropped"]) == ("finished", "stopped", 0)
        assert (await harness.get(url)).json()["recording"] is False
        fetched = await harness.get(recording["file"])
        assert (fetched.status_code, fetched.headers["content-type"]) == (200, "video/mp4")
        assert recording["id"] not in fetched.headers["content-disposition"]
        (tmp_path / "fetched.mp4").write_bytes(fetched.content)
        assert duration(tmp_path / "fetched.mp4") == pytest.approx(stopped["seconds"], abs=0.05)
        assert (await harness.get(url)).json()["state"] == "live"
        part = await harness.get(recording["file"], headers={"Range": "bytes=0-99"})
        assert (part.status_code, part.content) == (206, fetched.content[:100])
        assert (await harness.delete(recording["url"])).status_code == 204
        for answer in (await harness.get(recording["url"]), await harness.delete(recording["url"])):
            assert answer.status_code == 404
        assert list((tmp_path / "made by the server").iterdir()) == []


async def test_it_ends_with_its_session_and_is_found_after_it(folder: Path, tmp_path: Path) -> None:
    async with ServerHarness(folder, config_of(tmp_path)) as harness:
        url = await session_of(harness)
        recording = await begin(harness, url)
        await harness.clock.advance(1)  # type: ignore[attr-defined]
        await harness.delete(url)
        await harness.clock.advance(1)  # type: ignore[attr-defined]
        ended = (await harness.get(recording["url"])).json()
        assert (ended["state"], ended["reason"]) == ("finished", "session-ended")
        assert (await harness.get(recording["file"])).status_code == 200
        assert (await harness.post(f"{url}/recordings")).status_code == 410


async def test_a_session_that_ends_while_the_file_is_made_leaves_none(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    async with ServerHarness(folder, config_of(tmp_path)) as harness:
        url = await session_of(harness)

        async def open_late(recorder: Recorder, live: LiveSession) -> None:
            await open_file(recorder, live)
            opened.append(recorder)
            assert (await harness.delete(url)).status_code == 204
            await harness.clock.advance(1)  # type: ignore[attr-defined]

        monkeypatch.setattr(module, "open_file", open_late)
        assert (await harness.post(f"{url}/recordings")).status_code == 410
    assert opened[0].ended.is_set()
    assert not os.listdir(tmp_path)


async def test_it_is_found_after_the_server_was_started_again(folder: Path, tmp_path: Path) -> None:
    async with ServerHarness(folder, config_of(tmp_path)) as harness:
        recording = await begin(harness, await session_of(harness))
        await harness.clock.advance(1)  # type: ignore[attr-defined]
    assert duration(tmp_path / f"{recording['id']}.mp4") > 0.5  # a server that stops finishes its files
    async with ServerHarness(folder, config_of(tmp_path)) as harness:
        await harness.ready()
        found = (await harness.get(recording["url"])).json()
        assert (found["state"], found["seconds"]) == ("finished", None)
        assert (await harness.get(recording["file"])).status_code == 200
        assert (await harness.delete(recording["url"])).status_code == 204


async def test_one_at_a_time(folder: Path, tmp_path: Path) -> None:
    async with ServerHarness(folder, config_of(tmp_path)) as harness:
        url = await session_of(harness)
        first = await begin(harness, url)
        refused = await harness.post(f"{url}/recordings")
        assert (refused.status_code, refused.json()["reason"]) == (409, "recording")
        await request(harness, "DELETE", first["url"])
        await begin(harness, url)


async def test_a_server_without_a_folder_says_how_to_set_one(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        refused = await harness.post(f"{await session_of(harness)}/recordings")
        assert refused.status_code == 409
        assert "recording.folder" in refused.json()["detail"]


@pytest.mark.parametrize("name", ["unknown", "x" * 22, "..%2F..%2Fetc%2Fpasswd", "%00"])
async def test_unknown_recordings(folder: Path, tmp_path: Path, name: str) -> None:
    async with ServerHarness(folder, config_of(tmp_path)) as harness:
        await harness.ready()
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/stop"), ("GET", "/file")):
            assert (await harness.client.request(method, f"/api/recordings/{name}{path}")).status_code == 404
        assert (await harness.post("/api/sessions/unknown/recordings")).status_code == 404


async def test_it_ends_at_its_size_and_the_session_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MB", 100)
    async with ServerHarness(folder, config_of(tmp_path, max_mb=1)) as harness:
        url = await session_of(harness)
        recording = await begin(harness, url)
        await harness.clock.advance(2)  # type: ignore[attr-defined]
        ended = (await harness.get(recording["url"])).json()
        assert (ended["state"], ended["reason"]) == ("finished", "size-limit")
        assert (await harness.get(url)).json()["state"] == "live"


async def test_a_full_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    with (tmp_path / "old.mp4").open("wb") as old:
        old.truncate(2_000_000)
    async with ServerHarness(folder, config_of(tmp_path, max_mb=1, total_mb=2)) as harness:
        refused = await harness.post(f"{await session_of(harness)}/recordings")
        assert refused.status_code == 507
        assert "2 of 2 MB; delete some" in refused.json()["detail"]


async def test_a_folder_that_cannot_be_made_is_refused_with_the_fix_and_without_its_path(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    async with ServerHarness(folder, config_of(tmp_path / "file" / "recordings")) as harness:
        url = await session_of(harness)
        for _ in range(2):  # a refusal leaves nothing that forbids the next one
            refused = await harness.post(f"{url}/recordings")
            assert refused.status_code == 507
            assert "must name another" in refused.json()["detail"]
            assert str(tmp_path) not in refused.text
        assert (await harness.get(url)).json()["recording"] is False


async def test_a_disk_that_fills_up_ends_the_recording_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(batch: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with ServerHarness(folder, config_of(tmp_path)) as harness:
        url, other = await session_of(harness), await session_of(harness)
        recording, healthy = await begin(harness, url), await begin(harness, other)
        assert harness.server.recordings is not None
        monkeypatch.setattr(harness.server.recordings._known[recording["id"]], "_write", full)
        await harness.clock.advance(2)  # type: ignore[attr-defined]
        ended = (await harness.get(recording["url"])).json()
        assert (ended["state"], ended["reason"]) == ("failed", "not-written")
        assert "the server's disk is full" in ended["detail"]
        assert (await harness.get(url)).json()["state"] == "live"
        assert (await harness.get(healthy["url"])).json()["state"] == "recording"
        assert harness.value("recording_ends_total", reason="not-written") == 1
        await begin(harness, url)


async def test_a_disk_that_stands_still_costs_frames_of_the_file_alone(folder: Path, tmp_path: Path) -> None:
    async with ServerHarness(folder, config_of(tmp_path)) as harness:
        url = await session_of(harness)
        recording = await begin(harness, url)
        await harness.clock.advance(1)  # type: ignore[attr-defined]
        harness.threads["record"].cost = 3.5  # type: ignore[attr-defined]
        frames = (await harness.get(url)).json()["frames"]
        await harness.clock.advance(3)  # type: ignore[attr-defined]
        assert (await harness.get(url)).json()["frames"] - frames >= 74
        assert (await harness.get(recording["url"])).json()["dropped"] > CAPACITY
        assert harness.server.recordings is not None
        assert len(harness.server.recordings._known[recording["id"]]._waiting) == CAPACITY


async def test_what_the_server_remembers_is_bounded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    async with ServerHarness(folder, config_of(tmp_path)) as harness:
        url = await session_of(harness)
        made = []
        for _ in range(4):
            made.append(await begin(harness, url))
            await request(harness, "POST", made[-1]["url"] + "/stop")
        recordings = harness.server.recordings
        assert recordings is not None
        assert len(recordings._known) <= 3
        assert (await harness.get(made[0]["url"])).json()["seconds"] is None  # from its file


async def test_it_is_signed_when_a_certificate_is_configured(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("c2pa", reason="needs the extra [c2pa]")
    config = dataclasses.replace(config_of(tmp_path / "recordings"), c2pa=write_certificate(tmp_path))
    async with ServerHarness(folder, config) as harness:
        recording = await begin(harness, await session_of(harness))
        await harness.clock.advance(1)  # type: ignore[attr-defined]
        stopped = (await request(harness, "POST", recording["url"] + "/stop")).json()
        assert (stopped["state"], stopped["signed"], stopped["detail"]) == ("finished", True, "")
    assert verify(tmp_path / "recordings" / f"{recording['id']}.mp4").manifest == VALID


async def test_a_recording_that_cannot_be_signed_is_whole_and_says_so(folder: Path, tmp_path: Path) -> None:
    class Refusing(Signer):
        def __init__(self) -> None:
            """Reads no certificate."""

        def sign(self, path: Path) -> None:
            raise NotSigned("the time-stamp server does not answer")

    async with ServerHarness(folder, config_of(tmp_path)) as harness:
        url = await session_of(harness)
        assert harness.server.recordings is not None
        harness.server.recordings._signer = Refusing()
        recording = await begin(harness, url)
        await harness.clock.advance(1)  # type: ignore[attr-defined]
        stopped = (await request(harness, "POST", recording["url"] + "/stop")).json()
        assert (stopped["state"], stopped["signed"]) == ("finished", False)
        assert "could not be signed" in stopped["detail"]
        assert (await harness.get(recording["file"])).status_code == 200
