"""What does a frame cost? Each stage, each batch, the start and the memory. A table for people, then one line of JSON.

Usage: python -m benchmarks.engine [--pack FOLDER] [--presenter NAME] [--threads 2] [--frames 250] [--json FILE]
       python -m benchmarks.engine --device cuda …    what benchmarks.steps measures, with its words

The presenter talks without a pause, which is the dearest there is. Times are of this process alone, with `threads` for
the network and one for all else; "sessions" is an estimate of what the engine's thread has time for, without encoding.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.measuring.flops import gflop
from benchmarks.measuring.report import publish, surroundings
from engines.api import Chunk, Engine, Frame, Step
from engines.backends.api import Graph
from engines.backends.batch_planner import linear_cost
from engines.backends.registry import AUTO, INT8, opener
from engines.diffusion.conditioning import precompute_by
from engines.diffusion.engine import DiffusionEngine
from engines.diffusion.frame_refiner import FrameRefiner, MethodOptions
from engines.diffusion.pack import FRAME_STEP, SHIPPED, Pack, load_pack
from engines.face.avatar import FaceAvatar
from engines.face.composite import Windows, add_residual, blend, mask_in_window
from engines.face.structurist import ResampledStructure, Structurist
from engines.loader import Presenters
from engines.motion import LipMotion
from engines.speech.api import LipEncoder
from engines.speech.loader import load_lip_encoder
from engines.warp.engine import WarpEngine
from scripts.tools.server_process import running
from streamer.audio.synthetic_speech import synthetic_speech

FRAME_MS = 40.0
WARM_UP = 10  # calls that are not counted
FIRST_FRAMES = 6  # until the mouth has opened at the beginning of speech: before that no network runs
LOOKAHEAD = 2  # frames
# Those that are installed, and in what they compute; OpenVINO in bfloat16 where the processor can.
BACKENDS_MEASURED = (
    ("onnxruntime in 8 bits", "onnxruntime", INT8),
    ("in single precision", "onnxruntime", "float32"),
    ("openvino", "openvino", AUTO),
)
STEP_BAR, FRAME_BAR, START_BAR = 20.0, 30.0, 3.0  # ms p95, ms p95, seconds

Laps = dict[str, float]


def laps(call: Callable[[], object], count: int) -> Laps:
    """Milliseconds of a call: wall, and processor time of all threads."""
    for _ in range(WARM_UP):
        call()
    found, began = [], time.process_time()
    for _ in range(count):
        started = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - started))
    processor = 1000 * (time.process_time() - began) / count
    p50, p95 = np.percentile(found, (50, 95))
    return {"p50_ms": float(p50), "p95_ms": float(p95), "worst_ms": max(found), "cpu_ms": processor}


class Start:
    """Seconds of each part of a start, in order."""

    def __init__(self) -> None:
        self.options: dict[str, float] = {}

    def __call__(self, name: str, call: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = call()
        self.options[name] = time.perf_counter() - started
        return result


def feeds_of(graph: Graph) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    return {spec.name: draw.uniform(-1, 1, spec.shape).astype(spec.dtype) for spec in graph.inputs}


def network_laps(frame_steps: dict[int, Graph], frames: int) -> dict[str, Laps]:
    found = {}
    for batch, graph in sorted(frame_steps.items()):
        feeds = feeds_of(graph)
        row = laps(lambda graph=graph, feeds=feeds: graph.run(feeds), max(20, frames // batch))  # type: ignore[misc]
        found[str(batch)] = row | {"p50_ms_a_frame": row["p50_ms"] / batch}
    return found


def other_laps(folder: Path, backend: str, precision: str, threads: int, frames: int) -> Laps:
    """The frame step of one frame on a runtime, alone."""
    pack = load_pack(folder, threads=threads, batches=(1,), open_graph=opener(backend), precision=precision)
    graphs = pack.frame_steps
    row: Laps = network_laps(dict(graphs), frames)["1"]
    return row


def stage_laps(avatar: FaceAvatar, lip_encoder: LipEncoder, frames: int, size: int, latent: tuple[int, ...]) -> Any:
    """Everything of a frame but the network, stage by stage, on an open mouth."""
    windows, face, still = Windows(avatar), avatar.face, avatar.loop[0]
    motion = open_mouth(lip_encoder)
    to_window = windows.to_window(avatar, 0)
    structurist = Structurist(face, windows.height, windows.width, face.scale)
    small = ResampledStructure(face, size)
    moved = structurist.move(face.alignment[0], to_window, motion)
    structure, drawn = small.draw(still, moved), structurist.paint(still, moved)
    refiner = FrameRefiner(MethodOptions(), size, latent)
    inputs = refiner.prepare(structure, motion, {})
    picture = (structure.transpose(2, 0, 1) / np.float32(255)).astype(np.float32)
    residual = np.ones((size, size, 3), np.float32)
    hearing, audio = lip_encoder.open(), next(iter(synthetic_speech(640, 1))).samples

    def compose() -> None:
        mask = mask_in_window(face.mask, to_window, *drawn.shape[:2])
        blend(still.copy(), add_residual(drawn, residual, to_window), mask, windows.origin(0))

    stages: dict[str, Callable[[], object]] = {
        "lip encoder": lambda: hearing.step(audio),
        "structurist: mesh": lambda: structurist.move(face.alignment[0], to_window, motion),
        "structurist: structure frame": lambda: small.draw(still, moved),
        "structurist: the presenter's size": lambda: structurist.paint(still, moved),
        "noise and λ": lambda: refiner.prepare(structure, motion, {}),
        "noise sensor": lambda: refiner.apply(inputs, picture),
        "composite": compose,
    }
    return {name: laps(call, frames) for name, call in stages.items()}


def open_mouth(lip_encoder: LipEncoder) -> LipMotion:
    """The widest of a few seconds of talking."""
    stream = lip_encoder.open()
    return max((stream.step(chunk.samples) for chunk in synthetic_speech(640, 100)), key=lambda motion: motion.aperture)


def engine_laps(engine: Engine, avatar: FaceAvatar, frames: int, sessions: int = 1) -> Laps:
    """One call that draws a frame for each of the sessions."""
    streams = [engine.open(avatar) for _ in range(sessions)]
    chunks = iter(synthetic_speech(engine.timing.samples_per_frame, frames + WARM_UP))

    def call() -> Sequence[Frame]:
        chunk: Chunk = next(chunks)
        return engine.step([Step(stream, chunk) for stream in streams])

    return laps(call, frames)


def server_ready_s() -> float:
    """From the start of a server's process, imports and all, until it says that it is ready."""
    began = time.perf_counter()
    with running(None, []):
        return time.perf_counter() - began


def memory_mb() -> float:
    """The most that the process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path | None, presenter: str, threads: int, frames: int) -> dict[str, Any]:
    start = Start()
    lip_encoder = start("lip encoder", lambda: load_lip_encoder(LOOKAHEAD))
    presenters = Presenters()
    avatar: FaceAvatar = start("presenter", lambda: presenters.load(presenter or next(iter(presenters.all))))
    result: dict[str, Any] = {"presenter": avatar.name, "threads": threads, "frames": frames}
    pack: Pack | None = None
    if folder is not None or SHIPPED.is_dir():
        pack = start("pack", lambda: load_pack(folder or SHIPPED, threads=threads, precision=INT8))
    else:
        print(f"no pack in {SHIPPED}: measuring warp alone", file=sys.stderr)
    engines: dict[str, Engine] = {"warp": WarpEngine(lip_encoder)}
    if pack is not None:
        diffusion = DiffusionEngine(
            lip_encoder, linear_cost(pack.frame_steps), precompute_by(pack.encode, pack.manifest.size)
        )
        start("enrolment", lambda: diffusion.prepare(avatar))
        stream = diffusion.open(avatar)
        start(
            "first frames",
            lambda: [diffusion.step([Step(stream, chunk)]) for chunk in synthetic_speech(640, FIRST_FRAMES)],
        )
        engines["diffusion"] = diffusion
        manifest = pack.manifest
        result["pack"] = f"{manifest.name} {manifest.version}"
        result["pack_mb"] = sum(path.stat().st_size for path in pack.folder.iterdir()) / 1e6
        result["gflop"] = gflop(pack.folder / FRAME_STEP)
        result["network"] = network_laps(dict(pack.frame_steps), frames)
        result["backends"] = {
            f"{label}, {count} thread{'s' * (count > 1)}": other_laps(pack.folder, name, precision, count, frames)
            for label, name, precision in BACKENDS_MEASURED
            if find_spec(name)
            for count in sorted({1, threads})
        }
        result["stages"] = stage_laps(avatar, lip_encoder, frames, manifest.size, manifest.latent)
    result["start_s"] = start.options | {"all": sum(start.options.values())}
    if folder is None:
        result["server_ready_s"] = server_ready_s()
    result["engines"] = {name: engine_laps(engine, avatar, frames) for name, engine in engines.items()}
    result["together"] = {
        name: {str(count): engine_laps(engine, avatar, frames, count)["p50_ms"] for count in (2, 4)}
        for name, engine in engines.items()
    }
    result["sessions"] = {name: int(FRAME_MS / row["p50_ms"]) for name, row in result["engines"].items()}
    result["peak_mb"] = memory_mb()
    return result


def table(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = []
    for batch, row in result.get("network", {}).items():
        bar = f"≤ {STEP_BAR:g} ms p95" if batch == "1" else ""
        rows.append((f"frame step, batch {batch}", summary_text(row), bar))
    rows += [(f"frame step, {name}", summary_text(row), "") for name, row in result.get("backends", {}).items()]
    rows += [(f"… {name}", summary_text(row), "") for name, row in result.get("stages", {}).items()]
    for name, row in result["engines"].items():
        rows.append((f"{name}: a whole frame", summary_text(row), f"≤ {FRAME_BAR:g} ms p95"))
        many = ", ".join(f"{count}: {ms:.1f} ms" for count, ms in result["together"][name].items())
        rows.append((f"{name}: one call for several sessions", many, ""))
        rows.append((f"{name}: sessions that its thread has time for", f"about {result['sessions'][name]}", ""))
    rows += [(f"start: {name}", f"{seconds:.2f} s", "") for name, seconds in result["start_s"].items() if name != "all"]
    rows.append(("start: all", f"{result['start_s']['all']:.2f} s", f"≤ {START_BAR:g} s"))
    if "server_ready_s" in result:
        rows.append(("start: a server's process until it is ready", f"{result['server_ready_s']:.2f} s", ""))
    if result.get("gflop") is not None:
        rows.append(("frame step, multiplications and additions", f"{result['gflop']:.2f} GFLOP", ""))
    rows.append(("most memory", f"{result['peak_mb']:.0f} MB", ""))
    return rows


def summary_text(row: Laps) -> str:
    return f"{row['p50_ms']:.2f} ms, p95 {row['p95_ms']:.2f}, worst {row['worst_ms']:.1f}; CPU {row['cpu_ms']:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="what does a frame cost?")
    parser.add_argument("--pack", type=Path, help="weights of the diffusion engine (default: those that ship)")
    parser.add_argument("--presenter", default="", help="default: the first by name")
    parser.add_argument("--threads", type=int, default=2, help="of the network")
    parser.add_argument("--frames", type=int, default=250)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--device", choices=("cuda", "cpu"), help="Stable Diffusion's frame step: see benchmarks.steps")
    options, rest = parser.parse_known_args()
    if options.device is not None:
        from benchmarks import steps  # late: torch takes seconds to import

        steps.run(steps.argument_parser().parse_args())
        return
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    cv2.setNumThreads(1)
    result = measure(options.pack, options.presenter, options.threads, options.frames)
    publish(result | surroundings(), table(result), options.json)


if __name__ == "__main__":
    main()
