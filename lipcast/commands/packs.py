"""Packs of users: built of their weights, shown, compiled for their GPU. Knows no command line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from engines.diffusion import pack as embedded
from engines.diffusion.sd15 import pack as sd15
from lipcast.commands.errors import CommandError
from lipcast.commands.progress import ProgressPrinter

MIB = 2**20
NO_TORCH = "building packs needs PyTorch, diffusers and ONNX: pip install -e '.[diffusion]'"


@dataclass(frozen=True, slots=True)
class PackJob:
    """What to build: sources of weights, where to, and what the user chose. settings, parts: by the names of the fields
    of Settings and BuildOrder in engines/diffusion/sd15/build/pack_builder.py (needs PyTorch); None: not chosen.
    """

    sources: tuple[str, ...]
    folder: Path
    settings: Mapping[str, Any]
    parts: Mapping[str, Any]


def build(job: PackJob, force: bool, log: TextIO) -> Path:
    """Make a pack's folder, whole or not at all; log is told of every step. Returns the folder.

    Raises:
        CommandError, FileRefused, ValueError: with what was expected, what was found and the fix.
    """
    if job.folder.exists() and not force:
        raise CommandError(f"{job.folder}: exists already; give another --out, or --force to replace a pack")
    try:
        from engines.diffusion.sd15.build import pack_builder  # late: it needs PyTorch, which no other command does
    except ImportError as error:
        raise CommandError(f"{NO_TORCH} ({error})") from error
    settings = pack_builder.Settings(**job.settings)
    order = pack_builder.BuildOrder(job.sources, job.folder, settings, **job.parts)
    return pack_builder.build_pack(order, ProgressPrinter(log))


def show(folder: Path | None) -> Iterator[str]:
    """Lines about a pack, None for the one that ships; every file is compared with its hash.

    Raises:
        FileRefused: it cannot be used.
    """
    for name, value in pack_facts(folder or embedded.SHIPPED):
        yield f"{name:<12} {value}"


def compile_pack(folder: Path, batches: tuple[int, ...], precision: str, log: TextIO) -> list[Path]:
    """Compile a pack's frame step for this machine's GPU, for batches of these sizes. Minutes each.

    Raises:
        CommandError, FileRefused, ValueError: TensorRT or the GPU is missing, or a plan is not what it should be.
    """
    printer = ProgressPrinter(log)
    plans = list(compile_frame_step(folder, batches, precision, printer).values())
    for plan in plans:
        printer(f"{plan}: {plan.stat().st_size / MIB:.0f} MiB")
    return plans


def pack_facts(folder: Path) -> Iterator[tuple[str, str]]:
    """What a pack says of itself, once every file has been compared with its hash.

    Raises:
        PackError: it cannot be used.
    """
    yield "folder", str(folder)
    if not sd15.is_sd15(folder):
        manifest = embedded.read_manifest(folder)
        yield "pack", f"{manifest.name} {manifest.version}, {manifest.size} pixels, licence {manifest.licence}"
        yield from _files(folder, embedded.FILES, dict(manifest.hashes))
        return
    own = sd15.read_manifest(folder)
    model = own.model
    yield "pack", f"{own.name}: Stable Diffusion 1.5, {model.mode}, {model.resolution} pixels"
    yield "sampling", f"{model.steps} steps, strength {model.strength:g}, guidance {model.guidance:g}"
    yield "IP-Adapter", f"{model.adapter}, scale {model.lip_scale:g}; identity {model.identity_scale:g}"
    for source in own.sources:
        yield "built of", f"{source.part}: {source.file}, licence {source.licence}, SHA-256 {source.sha256[:12]}…"
    yield from _files(folder, sd15.FILES, dict(own.hashes))


def _files(folder: Path, names: tuple[str, ...], hashes: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name in names:
        embedded.check_hash(folder / name, hashes[name])
        yield "file", f"{name}, {(folder / name).stat().st_size / MIB:.1f} MiB, as it was made"


def compile_frame_step(
    folder: Path, batches: tuple[int, ...], precision: str, printer: ProgressPrinter
) -> dict[int, Path]:
    """Plans of the pack's frame step for this machine's GPU, by batch size; see docs/backends.md.

    Raises:
        CommandError, FileRefused, ValueError: with what was expected and the fix.
    """
    try:
        from engines.backends.onnxruntime import open_onnx
        from engines.backends.plan_cache import PlanCache, PlanOptions
        from engines.backends.registry import COMPILE, PLANS
        from engines.backends.tensorrt_compile import compile_plans
    except ImportError as error:
        raise CommandError(f"compiling needs TensorRT and ONNX: pip install -e '.[tensorrt]' ({error})") from error
    names = sd15 if sd15.is_sd15(folder) else embedded
    path = folder / names.FRAME_STEP
    embedded.check_hash(path, names.read_manifest(folder).hashes[names.FRAME_STEP])

    def report(batch: int, progress: Any) -> bool:
        printer(f"batches of {batch}: {progress.phase}, {progress.done} of {progress.steps}")
        return True

    reference = open_onnx(path, 1, os.cpu_count() or 1)
    options = PlanOptions(precision=precision)
    return compile_plans(path, batches, options, PlanCache(folder / PLANS, COMPILE), reference, report)
