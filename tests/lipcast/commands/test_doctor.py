"""The doctor's lines: what is well, what is not, and how it is fixed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiortc import RTCRtpSender

from lipcast.commands.doctor import machine, network, performance
from lipcast.commands.doctor.examine import examine
from lipcast.commands.doctor.finding import Finding, State, body, error, good, is_well, missing, text, warning
from lipcast.commands.doctor.performance import Cost
from lipcast.testing import FakeAvatar, FakeEngine
from streamer.clock import Clock
from streamer.config import Config, EngineConfig, ServerConfig
from streamer.webrtc.replace import LibraryMismatch
from tests.engines.face import tiny_avatar

QUICK = Config(engine=EngineConfig("warp"))
FOUND = [
    good("Python", "Python 3.11"),
    missing("Backends", "tensorrt: not installed"),
    warning("Page", "0.0.0.0", "put a proxy in front"),
    error("Page", "port 8080: taken", "stop it"),
]


class Ticking:
    """A clock that each reading moves on."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._now = 0.0

    def __call__(self) -> float:
        self._now += self._step
        return self._now


def states(findings: Iterator[Finding]) -> list[State]:
    return [finding.state for finding in findings]


@pytest.fixture
def presenters(tmp_path: Path) -> Path:
    tiny_avatar.save(tmp_path / "tiny")
    return tmp_path


def test_people_read_one_line_for_each_finding_and_how_to_fix_it() -> None:
    assert text(FOUND, "1.2").splitlines() == [
        "Lipcast 1.2",
        "",
        "Python",
        "  ✓ Python 3.11",
        "",
        "Backends",
        "  · tensorrt: not installed",
        "",
        "Page",
        "  ! 0.0.0.0",
        "    → put a proxy in front",
        "  ✗ port 8080: taken",
        "    → stop it",
        "",
        "1 error (✗). 1 warning (!).",
    ]


def test_machines_read_the_same() -> None:
    found = body(FOUND[:1], "1.2")
    row = {"part": "Python", "state": "good", "what": "Python 3.11", "fix": ""}
    assert found == {"version": "1.2", "ok": True, "findings": [row]}


def test_only_what_is_broken_makes_it_unwell() -> None:
    assert is_well(FOUND[:3])
    assert not is_well(FOUND)


def test_this_installation_is_well() -> None:
    findings = [*machine.python(), *machine.packages(), *machine.codecs(), *machine.event_loop(ServerConfig())]
    assert is_well(findings), text(findings, "")


def test_the_installed_webrtc_library_is_the_one_that_sessions_know() -> None:
    assert states(machine.webrtc_library()) == [State.GOOD]


def test_another_webrtc_library_is_an_error_with_its_fix() -> None:
    async def check(clock: Clock) -> None:
        raise LibraryMismatch(object(), "_next_encoded_frame")

    [finding] = machine.webrtc_library(check)
    assert finding.state is State.ERROR
    assert "object has no attribute _next_encoded_frame" in finding.what
    assert finding.fix.startswith("pip install 'aiortc>=1.16")


def test_a_codec_that_is_missing_is_noticed() -> None:
    assert not machine.can_encode("libdream")


def test_only_the_base_requirements_are_needed() -> None:
    lines = ["av>=17.1", "uvloop; sys_platform != 'win32'", 'torch>=2; extra == "diffusion"', "aiortc<2,>=1.16"]
    assert machine.base_requirements(lines) == ["av", "aiortc"]


def test_the_busiest_thread_bounds_the_sessions() -> None:
    assert Cost(engine_mean=8, engine_p95=9, encoder_p50=1).sessions(workers=1, processors=64, frame_ms=40) == 3
    assert Cost(engine_mean=8, engine_p95=9, encoder_p50=1).sessions(workers=2, processors=64, frame_ms=40) == 7
    assert Cost(engine_mean=1, engine_p95=9, encoder_p50=4).sessions(workers=2, processors=64, frame_ms=40) == 4
    assert Cost(engine_mean=1, engine_p95=9, encoder_p50=10).sessions(workers=2, processors=1, frame_ms=40) == 1


def test_as_many_sessions_are_told_as_were_measured_on_two_cores() -> None:
    """benchmarks.sessions: in quiet hours of warp 4 without a late frame, in slow ones 2; of diffusion 2."""
    assert Cost(engine_mean=4.0, engine_p95=5.7, encoder_p50=3.5).sessions(workers=2, processors=2, frame_ms=40) == 4
    assert Cost(engine_mean=11.8, engine_p95=20.1, encoder_p50=3.5).sessions(workers=2, processors=2, frame_ms=40) == 2


def test_a_free_port_is_well() -> None:
    assert states(network.http_port(ServerConfig(port=0))) == [State.GOOD]


def test_a_taken_port_is_noticed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        [finding] = network.http_port(ServerConfig(port=other.getsockname()[1]))
    assert finding.state is State.ERROR
    assert "stop it, or choose another --port" in finding.fix


def test_an_address_of_another_machine_is_noticed() -> None:
    [finding] = network.http_port(ServerConfig(host="203.0.113.7", port=0))
    assert "choose another --host" in finding.fix


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_the_microphone_works_on_this_machine(host: str) -> None:
    assert states(network.microphone(ServerConfig(host=host))) == [State.GOOD]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "lipcast.example.org"])
def test_the_microphone_elsewhere_needs_https(host: str) -> None:
    [finding] = network.microphone(ServerConfig(host=host))
    assert finding.state is State.WARNING
    assert "TLS" in finding.fix


def test_a_machine_with_nothing_but_loopback_is_unwell() -> None:
    [finding] = network.offered([])
    assert finding.state is State.ERROR
    assert "no address but loopback" in finding.what


def test_each_address_that_takes_datagrams_is_named() -> None:
    [finding] = network.offered(["127.0.0.1"])
    assert finding.what.startswith("127.0.0.1 is offered to browsers")


def test_an_address_that_takes_no_datagrams_is_noticed() -> None:
    assert states(network.offered(["203.0.113.7"])) == [State.ERROR]


def test_the_engine_and_the_presenters_are_loaded(presenters: Path) -> None:
    config = Config(engine=EngineConfig("warp", presenters=str(presenters)))
    whats = [finding.what for finding in performance.load_avatar(config, 2, Ticking(0.002))]
    assert whats[:2] == ["engine 'warp', look-ahead 80 ms", "presenter 'tiny', 96×96"]


def test_a_damaged_presenter_is_noticed_and_the_others_are_not(presenters: Path) -> None:
    tiny_avatar.save(presenters / "torn")
    (presenters / "torn" / "face.safetensors").write_bytes(b"torn")
    config = Config(engine=EngineConfig(presenters=str(presenters)))
    found = list(performance.load_avatar(config, 2, Ticking(0.002)))
    assert [finding.what.split(":")[0] for finding in found if finding.state is State.ERROR] == ["presenter 'torn'"]


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (EngineConfig(name="magic"), "no engine 'magic'; there are: "),
        (EngineConfig(precision="float16"), 'onnxruntime: expected engine.precision "auto" or "int8" or '),
        (EngineConfig(presenters="/nowhere"), "no presenters: /nowhere: expected folders with an avatar.json"),
    ],
)
def test_what_cannot_be_loaded_is_noticed(engine: EngineConfig, words: str) -> None:
    found = list(performance.load_avatar(Config(engine=engine), 2, Ticking(0.002)))
    assert found[-1].state is State.ERROR
    assert words in found[-1].what


def test_a_presenter_offered_first_must_exist(presenters: Path) -> None:
    config = Config(engine=EngineConfig(presenters=str(presenters), presenter="ana"))
    found = [finding for finding in performance.load_avatar(config, 2, Ticking(0.002)) if finding.state is State.ERROR]
    assert [finding.fix for finding in found] == ["set engine.presenter to one of: tiny"]


def test_the_engine_is_measured_on_fifty_frames_after_a_warm_up() -> None:
    engine = FakeEngine()
    cost = performance.measure(engine, FakeAvatar(), 500_000, Ticking(0.003))
    assert len(engine.batches) == performance.WARM_UP_FRAMES + 50
    assert (cost.engine_mean, cost.engine_p95, cost.encoder_p50) == pytest.approx((3, 3, 3))


def test_a_fast_machine_has_nothing_to_fix() -> None:
    found = performance.speed(Cost(2, 3, 2), Config(), processors=8, budget=40, usual_ms=36)
    assert states(found) == [State.GOOD, State.GOOD]


def test_a_machine_too_slow_for_one_session_is_unwell() -> None:
    found = performance.speed(Cost(30, 50, 5), Config(), processors=2, budget=40, usual_ms=10)
    assert next(found).state is State.ERROR


def test_a_machine_too_slow_for_the_margin_is_told_to_raise_it() -> None:
    assert (
        "engine.margin_ms" in next(performance.speed(Cost(9, 11, 5), QUICK, processors=2, budget=40, usual_ms=10)).fix
    )


def test_a_machine_too_slow_for_all_sessions_is_told_how_many() -> None:
    found = list(performance.speed(Cost(9, 11, 5), Config(), processors=2, budget=40, usual_ms=36))
    assert found[-1].fix.startswith("set server.max_sessions to ")


@pytest.mark.slow
def test_the_whole_examination_goes_on_after_a_wrong_configuration(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[server]\nprot = 1\n")
    found = list(examine(path, Ticking(0.002)))
    wrong = next(finding for finding in found if finding.part == "Configuration")
    assert wrong.state is State.ERROR
    assert "server.prot: no such key" in wrong.what
    assert {"Python", "Codecs", "Backends", "Engine", "Page", "Audio and video"} <= {each.part for each in found}


def test_a_webrtc_library_that_was_not_tested_is_an_error_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    [found] = machine.webrtc()
    assert found == good("WebRTC", found.what)
    monkeypatch.delattr(RTCRtpSender, "_next_encoded_frame")
    [found] = machine.webrtc()
    assert "_next_encoded_frame" in found.what
    assert found.fix
