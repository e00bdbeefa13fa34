"""What does a frame of Stable Diffusion 1.5 cost on a GPU? Stage by stage, by size, steps and batch, against the roof.

Usage: python -m benchmarks.steps [--device cuda|cpu] [--miniature] [--sizes 256,384,512] [--steps 1,2,4]
    [--batches 1,2,4,8,16] [--compile 256x1,256x16,512x1] [--precision float16] [--seconds 0.3] [--json FILE]

Weights are random, of the full size: speed does not depend on them. Needs torch and diffusers, and neither sound nor
video libraries. `--device cpu --miniature` runs the same code in a moment. A table for people, then one line of JSON.

eager: one launch per operation. graph: all launches recorded and asked for at once, which is how it is served.
compiled: by TorchInductor, then recorded. served: from arrays in ordinary memory to such arrays, on the wall clock.
Sessions: what fits into 85 % of a frame's 40 ms; presenters' drawing and encoding are on the CPU and not in it.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measuring.device import Device, ceilings, open_device
from benchmarks.measuring.full_size import FULL, MINIATURE, Sizes, live_step, model_of, network_of
from benchmarks.measuring.report import publish, surroundings
from engines.backends.api import GraphError, Tensors
from engines.backends.device_constants import frozen
from engines.backends.parity import random_probes
from engines.backends.pytorch_cuda import IMAGE_AXES, PRECISIONS, open_torch_static, placed_on
from engines.diffusion.sd15.frame_step import LiveStep
from engines.diffusion.sd15.model import ADAPTERS, PLUS, Sd15Model, frame_step_specs

FRAME_MS, DUTY = 40.0, 0.85
CONSTANT = ("masked", "mask", "anchor", "scale", "identity")  # inputs that do not change from frame to frame
BARS = {(256, 1): (3.0, 30), (512, 1): (5.0, 10)}  # (pixels, steps): ms of one frame, sessions; on an H200

Numbers = dict[str, Any]
Stages = dict[str, Callable[[], object]]


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """What is to be measured. compiled: (pixels, rows) that are compiled too."""

    sizes: Sequence[int]
    steps: Sequence[int]
    batches: Sequence[int]
    compiled: Sequence[tuple[int, int]]
    precision: str
    adapter: str


class Bench:
    """One network on one device."""

    def __init__(self, device: Device, sizes: Sizes, order: BenchmarkOptions) -> None:
        self.device, self.sizes, self.order = device, sizes, order
        self.kind = PRECISIONS[order.precision]
        started = time.perf_counter()
        self.network = network_of(self.model(order.sizes[0], 1), device.name)
        placed_on(live_step(self.network, self.model(order.sizes[0], 1)), order.precision, device.name)
        device.wait()
        self.start_s = time.perf_counter() - started
        self.weights = sum(weight.numel() for weight in self.network.parameters())

    def model(self, resolution: int, steps: int) -> Sd15Model:
        return model_of(self.sizes, resolution, steps, self.order.adapter)

    def step(self, resolution: int, steps: int) -> LiveStep:
        step = live_step(self.network, self.model(resolution, steps))
        step.eval()
        return step

    def rows(self, resolution: int, batch: int) -> Iterator[Numbers]:
        """Everything of one size and batch."""
        for steps in self.order.steps:
            model = self.model(resolution, steps)
            row: Numbers = {"size": resolution, "steps": steps, "batch": batch}
            try:
                row |= self.costs(model, batch)
            except (GraphError, torch.OutOfMemoryError) as error:
                row["refused"] = str(error).split("\n")[0][:200]
            yield row

    def costs(self, model: Sd15Model, batch: int) -> Numbers:
        self.device.forget()
        row: Numbers = {}
        row["served"], row["capture_s"] = self.served(model, batch)
        row["memory_mb"] = self.device.memory_mb()
        stages = stages_of(self.step(model.resolution, model.steps), self.inputs(model, batch))
        if model.steps == 1:
            row["eager"] = {name: self.device.laps(call) for name, call in stages.items()}
            row["graph"] = {name: self.device.laps(self.device.recorded(call)) for name, call in stages.items()}
        else:
            row["graph"] = {"whole": self.device.laps(self.device.recorded(stages["whole"]))}
        if (model.resolution, batch) in self.order.compiled and model.steps == 1:
            row["compiled"], row["compile_s"] = self.compiled(model, batch, stages)
        return row

    def compiled(self, model: Sd15Model, batch: int, stages: Stages) -> tuple[Numbers, float]:
        started = time.perf_counter()
        step, given = self.step(model.resolution, model.steps), self.inputs(model, batch)
        fast = torch.compile(step, dynamic=False)
        whole = self.device.laps(self.device.recorded(lambda: fast(*given.values())))
        return {"whole": whole}, time.perf_counter() - started

    def served(self, model: Sd15Model, batch: int) -> tuple[Numbers, float]:
        """As a server asks: rows of arrays, some of which never change."""
        started = time.perf_counter()
        inputs, outputs = frame_step_specs(model, batch)
        graph = open_torch_static(
            self.step(model.resolution, model.steps),
            inputs,
            outputs,
            precision=self.order.precision,
            device=self.device.name,
        )
        took = time.perf_counter() - started
        rows = [served_row(row) for row in random_probes(frame_step_specs(model, 1)[0], batch)]
        return self.device.wall(lambda: graph.run_rows(rows)), took

    def inputs(self, model: Sd15Model, batch: int) -> dict[str, torch.Tensor]:
        """On the device, in forward's order."""
        feeds = next(random_probes(frame_step_specs(model, batch)[0]))
        given = {name: torch.tensor(value, device=self.device.name).to(self.kind) for name, value in feeds.items()}
        return {name: images_last(value) for name, value in given.items()}


def images_last(value: torch.Tensor) -> torch.Tensor:
    return value.to(memory_format=torch.channels_last) if value.dim() == IMAGE_AXES else value


def served_row(feeds: Tensors) -> Tensors:
    return {name: frozen(value[0]) if name in CONSTANT else value[0] for name, value in feeds.items()}


def stages_of(step: LiveStep, given: dict[str, torch.Tensor]) -> Stages:
    with torch.no_grad():
        prompts = step.prompts(given["tokens"], given)
    return {
        "encoder": lambda: step.tiny.encoder(given["structure"]),
        "tokens": lambda: step.prompts(given["tokens"], given).lips,
        "unet": lambda: step.noise_in(given["noise"], step.steps[0].timestep, given["mask"], given["masked"], prompts),
        "decoder": lambda: step.tiny.decoder(given["noise"]),
        "whole": lambda: step(*given.values()),
    }


def work_of(sizes: Sizes, order: BenchmarkOptions, resolution: int) -> Numbers:
    """TFLOP of each stage for one row and one step, by counting; nothing is computed."""
    model = model_of(sizes, resolution, 1, order.adapter)
    network = network_of(model, "meta")
    step = live_step(network, model)
    given = {spec.name: torch.empty(spec.shape, device="meta") for spec in frame_step_specs(model, 1)[0]}
    found = {}
    for name, call in stages_of(step, given).items():
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            call()
        found[name] = counter.get_total_flops() / 1e12
    return found


def floor_ms(work: Numbers, unet_weights: int, weights: int, row: Numbers, best: dict[str, float], size: int) -> float:
    """No version runs faster: by arithmetic, or by reading every weight once a use."""
    tflop = work["whole"] + (row["steps"] - 1) * work["unet"]
    read = size * (weights + (row["steps"] - 1) * unet_weights) / 1e12
    return float(1000 * max(row["batch"] * tflop / best["tflops"], read / best["terabytes_s"]))


def sessions(rows: list[Numbers], milliseconds: Callable[[Numbers], float]) -> int:
    """At 25 frames a second, with the batch that serves the most."""
    return max((math.floor(DUTY * FRAME_MS * row["batch"] / milliseconds(row)) for row in rows), default=0)


def measure(device: Device, sizes: Sizes, order: BenchmarkOptions, save: Callable[[Numbers], None]) -> Numbers:
    bench = Bench(device, sizes, order)
    best = ceilings(device, bench.kind)
    unet_weights = sum(weight.numel() for weight in bench.network.unet.parameters())
    result: Numbers = {
        "device": device.description(), "precision": order.precision, "adapter": order.adapter, "ceilings": best,
        "weights_m": bench.weights / 1e6, "start_s": {"weights to the device": bench.start_s},
        "tflop": {str(size): work_of(sizes, order, size) for size in order.sizes}, "rows": [],
    }  # fmt: skip
    for resolution in order.sizes:
        for batch in order.batches:
            for row in bench.rows(resolution, batch):
                work = result["tflop"][str(resolution)]
                row["floor_ms"] = floor_ms(work, unet_weights, bench.weights, row, best, bench.kind.itemsize)
                result["rows"].append(row)
                save(result)
    result["sessions"] = {f"{size} px, {steps} steps": of for (size, steps), of in fitting(result["rows"]).items()}
    return result


def fitting(rows: list[Numbers]) -> dict[tuple[int, int], dict[str, int]]:
    """Sessions by size and steps: by the device's time alone, and as served."""
    found = {}
    for key in dict.fromkeys((row["size"], row["steps"]) for row in rows):
        own = [row for row in rows if (row["size"], row["steps"]) == key and "graph" in row]
        found[key] = {
            "device": sessions(own, lambda row: row["graph"]["whole"]["p50_ms"]),
            "served": sessions(own, lambda row: row["served"]["p50_ms"]),
        }
    return found


def table(result: Numbers) -> list[tuple[str, str, str]]:
    best = result["ceilings"]
    shown = [
        ("device", result["device"]["name"], ""),
        ("at best", f"{best['tflops']:.3g} TFLOP/s, {best['terabytes_s']:.2f} TB/s", ""),
    ]
    for row in result["rows"]:
        name = f"{row['size']} px, {row['steps']} steps, batch {row['batch']}"
        shown.append((name, row.get("refused") or summary_text(row), bar_of(row)))
        for stage, laps in row.get("graph", {}).items():
            if stage != "whole":
                eager = row["eager"][stage]["p50_ms"]
                shown.append((f"… {stage}", f"{laps['p50_ms']:.3f} ms, eager {eager:.3f}", ""))
    for key, of in result["sessions"].items():
        text = f"{of['device']} by the device's time, {of['served']} with copies"
        shown.append((f"sessions at 25 fps, {key}", text, sessions_bar(key)))
    return shown


def summary_text(row: Numbers) -> str:
    whole, floor = row["graph"]["whole"]["p50_ms"], row["floor_ms"]
    text = f"graph {whole:.2f} ms ({floor / whole:.0%} of the roof), served {row['served']['p50_ms']:.2f}"
    if "eager" in row:
        text += f", eager {row['eager']['whole']['p50_ms']:.2f}"
    if "compiled" in row:
        text += f", compiled {row['compiled']['whole']['p50_ms']:.2f}"
    return f"{text}; {row['memory_mb']:.0f} MB"


def bar_of(row: Numbers) -> str:
    bar = BARS.get((row["size"], row["steps"]))
    return f"≤ {bar[0]:g} ms (H200)" if bar and row["batch"] == 1 else ""


def sessions_bar(key: str) -> str:
    return next((f"≥ {bar[1]} (H200)" for (size, n), bar in BARS.items() if key == f"{size} px, {n} steps"), "")


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="benchmarks.steps", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--miniature", action="store_true", help="a network for tests, on small pictures")
    parser.add_argument("--sizes", type=numbers, help="pixels of a side (default 256,384,512)")
    parser.add_argument("--steps", type=numbers, default=[1, 2, 4])
    parser.add_argument("--batches", type=numbers, default=[1, 2, 4, 8, 16])
    parser.add_argument("--compile", default="", metavar="SIZExBATCH,…", help="compile these too; minutes each")
    parser.add_argument("--precision", choices=sorted(PRECISIONS), default="float16")
    parser.add_argument("--adapter", choices=ADAPTERS[:2], default=PLUS)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one measurement, about")
    parser.add_argument("--commit", default="", help="what is measured, where there is no git")
    parser.add_argument("--json", type=Path, help="also written while measuring, so that what is done is kept")
    return parser


def run(options: argparse.Namespace) -> Numbers:
    sizes = options.sizes or ([32, 64] if options.miniature else [256, 384, 512])
    pairs = [tuple(int(n) for n in part.split("x")) for part in options.compile.split(",") if part]
    order = BenchmarkOptions(
        sizes, options.steps, options.batches, [(a, b) for a, b in pairs], options.precision, options.adapter
    )
    where = surroundings() | ({"commit": options.commit} if options.commit else {})

    def save(result: Numbers) -> None:
        if options.json is not None:
            options.json.write_text(json.dumps(result | where, indent=2) + "\n", encoding="utf-8")

    device = open_device(options.device, options.seconds)
    result = measure(device, MINIATURE if options.miniature else FULL, order, save) | where
    publish(result, table(result), options.json)
    return result


if __name__ == "__main__":
    run(argument_parser().parse_args())
