"""The arguments of `lipcast pack`. The work is in packs.py."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

MODES = ("live", "paper")
RESOLUTIONS = (256, 384, 512)
LARGEST_BATCH = 64
SETTINGS = ("mode", "resolution", "steps", "strength", "guidance", "lip_scale", "identity_scale")

Run = Callable[[argparse.Namespace], int]


def add_pack_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_build(commands.add_parser("build", help="build a pack from weights that you have"))
    show = commands.add_parser("show", help="describe a pack and check its files")
    show.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="of the pack (default: the one that ships)"
    )
    show.set_defaults(command=show_pack)
    compile_ = commands.add_parser("compile", help="compile a pack's network for this machine's GPU, with TensorRT")
    compile_.add_argument("folder", type=Path, metavar="FOLDER", help="of the pack")
    sizes = compile_.add_mutually_exclusive_group()
    sizes.add_argument(
        "--max-batch",
        type=_batch,
        metavar="N",
        help="the server's engine.max_batch: compile every batch size that it uses (default: 16, for all servers)",
    )
    sizes.add_argument(
        "--batch",
        type=_batch,
        action="append",
        metavar="N",
        help="compile only batches of N frames; may be given several times",
    )
    compile_.add_argument(
        "--precision",
        choices=("float16", "bfloat16", "float32"),
        default="float16",
        help="of its arithmetic, as in the server's engine.precision (default: float16, which is its auto)",
    )
    compile_.set_defaults(command=compile_pack)


def _add_build(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(title="kinds", required=True, metavar="KIND")
    sd15 = kinds.add_parser("sd15", help="Stable Diffusion 1.5 inpainting and IP-Adapter, photoreal, for GPUs")
    sd15.add_argument(
        "--weights", nargs="+", required=True, metavar="SOURCE",
        help="folders or files with the weights, or names of models in the cache of huggingface_hub",
    )  # fmt: skip
    sd15.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the pack's folder")
    sd15.add_argument("--force", action="store_true", help="replace a pack that is there")
    sd15.add_argument(
        "--mode",
        choices=MODES,
        default=MODES[0],
        help="live: few steps, no guidance; paper: as published (default live)",
    )
    sd15.add_argument("--resolution", type=int, choices=RESOLUTIONS, help="pixels (default 256 live, 512 paper)")
    sd15.add_argument("--steps", type=int, metavar="N", help="of sampling (default 2 live, 20 paper)")
    sd15.add_argument(
        "--strength", type=float, metavar="S", help="how much noise live adds to the structure frame (default 0.5)"
    )
    sd15.add_argument("--guidance", type=float, metavar="G", help="of paper's classifier-free guidance (default 7.5)")
    sd15.add_argument("--adapter", default="", metavar="NAME", help="plain, plus, faceid-plus or a file's name")
    sd15.add_argument("--lip-scale", type=float, default=1.0, metavar="S", help="of the lip tokens (default 1)")
    sd15.add_argument("--identity-scale", type=float, metavar="S", help="of the presenter's picture (default 0.3)")
    sd15.add_argument("--lora", default="", metavar="FILE", help="name of the few-step LoRA, where there are several")
    sd15.add_argument("--no-lora", action="store_true", help="for a UNet that was distilled for few steps")
    sd15.add_argument(
        "--face-embedding",
        type=Path,
        metavar="FILE",
        help="for faceid-plus: InsightFace's normed_embedding, safetensors",
    )
    sd15.add_argument(
        "--accept-faceid-licence", action="store_true", help="for faceid-plus: research only, no commercial use"
    )
    sd15.set_defaults(command=build_sd15)


def _batch(text: str) -> int:
    value = int(text)
    if not 1 <= value <= LARGEST_BATCH:
        raise argparse.ArgumentTypeError(f"expected 1 to {LARGEST_BATCH}, got {text}")
    return value


def build_sd15(options: argparse.Namespace) -> int:
    from lipcast.commands.packs import PackJob, build

    parts = {
        "adapter": options.adapter,
        "lora": options.lora,
        "few_step": not options.no_lora,
        "face": options.face_embedding,
        "accepted": options.accept_faceid_licence,
    }
    settings = {name: getattr(options, name) for name in SETTINGS}
    job = PackJob(tuple(options.weights), options.out, settings, parts)
    folder = build(job, options.force, sys.stderr)
    sys.stderr.write(f"{folder}: the pack is built; look at it with `lipcast pack show {folder}`, and use it with ")
    sys.stderr.write(f"`lipcast serve --pack {folder} --backend pytorch-cuda` on a machine with an NVIDIA GPU\n")
    return 0


def show_pack(options: argparse.Namespace) -> int:
    from lipcast.commands.packs import show

    sys.stdout.writelines(f"{line}\n" for line in show(options.folder))
    return 0


def compile_pack(options: argparse.Namespace) -> int:
    from engines.loader import GPU_BATCHES, gpu_batches
    from lipcast.commands.packs import compile_pack as run

    batches = tuple(options.batch or gpu_batches(options.max_batch or GPU_BATCHES[-1]))
    run(options.folder, batches, options.precision, sys.stderr)
    return 0
