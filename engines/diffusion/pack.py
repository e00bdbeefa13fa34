"""A pack of the embedded model on disk: a manifest, its graphs, and the weights they were made of. Needs no torch.

pack.json says what the model is and names every other file with its SHA-256. The graphs have one free axis,
the batch: frame_step.onnx, the same with its convolutions in 8 bits, and encode.onnx. weights.safetensors holds the
weights by their names, for the reference and for training; README.md is the model card.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.backends.api import Graph, GraphError, Specs, TensorSpec, float_specs
from engines.backends.onnxruntime import open_onnx
from engines.backends.parity import random_probes
from engines.backends.registry import INT8, OpenGraph
from engines.diffusion.architecture import Architecture, Model
from engines.errors import FileRefused

SHIPPED = Path(__file__).parents[1] / "packs" / "embedded"
FORMAT = 2
MANIFEST, FRAME_STEP, FRAME_STEP_INT8, ENCODE, WEIGHTS, CARD = (
    "pack.json",
    "frame_step.onnx",
    "frame_step.int8.onnx",
    "encode.onnx",
    "weights.safetensors",
    "README.md",
)
FILES = (FRAME_STEP, FRAME_STEP_INT8, ENCODE, WEIGHTS, CARD)
BATCHES = (1, 2, 4)  # rows of a frame step that the engine asks for
FIX = "fetch the pack again, or make it with scripts/training/diffusion"
OTHER_FORMAT = "install the Lipcast that belongs to it, or make the pack again with scripts/training/diffusion"
MORE_RANGE = 'on a GPU set engine.precision = "bfloat16"'


class PackError(FileRefused):
    """A pack's folder cannot be used."""

    def __init__(self, path: Path, expected: str, found: str, fix: str = FIX) -> None:
        super().__init__(path, expected, found, fix)


@dataclass(frozen=True, slots=True)
class PackManifest:
    """What pack.json says. hashes: SHA-256 of every other file, by its name."""

    name: str
    version: str
    licence: str
    model: Model
    hashes: Mapping[str, str]

    @property
    def size(self) -> int:
        """Pixels of a picture's side."""
        return self.model.architecture.size

    @property
    def latent(self) -> tuple[int, int, int]:
        return self.model.architecture.latent

    @property
    def tokens(self) -> tuple[int, int]:
        return self.model.architecture.tokens


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """A pack whose graphs are ready. frame_steps: by rows of a batch."""

    folder: Path
    manifest: PackManifest
    frame_steps: Mapping[int, Graph]
    encode: Graph


def frame_step_specs(architecture: Architecture, batch: int) -> tuple[Specs, Specs]:
    """Inputs and outputs of the frame step.

    structure: the Structurist's picture, RGB in [-1, 1]; masked, mask: the avatar's, as encode gives them; anchor:
    tokens of the avatar with the smallest lip opening; lam: λ of the Structure Controller; noise: of unit variance.
    picture: RGB in [0, 1].
    """
    size, latent = architecture.size, architecture.latent
    shapes = {
        "structure": (3, size, size),
        "masked": latent,
        "mask": (1, *latent[1:]),
        "anchor": architecture.tokens,
        "lam": (1,),
        "noise": latent,
    }
    return float_specs(batch, shapes), float_specs(batch, {"picture": (3, size, size)})


def encode_specs(architecture: Architecture, batch: int = 1) -> tuple[Specs, Specs]:
    """Inputs and outputs of the graph that precomputes the conditioning.

    crop: the avatar with the mouth at rest, RGB in [-1, 1]; mask: weight of the drawn mouth, [0, 1]. masked: latents of
    the crop, black where the mouth is drawn; mask_latent: the mask at their size; tokens: of the crop.
    """
    size, latent = architecture.size, architecture.latent
    outputs = {"masked": latent, "mask_latent": (1, *latent[1:]), "tokens": architecture.tokens}
    return float_specs(batch, {"crop": (3, size, size), "mask": (1, size, size)}), float_specs(batch, outputs)


def load_pack(
    folder: Path = SHIPPED,
    *,
    threads: int = 2,
    batches: Sequence[int] = BATCHES,
    open_graph: OpenGraph = open_onnx,
    precision: str = "float32",
) -> Pack:
    """Check every file, build the graphs for batches of these sizes, and try each. Slow: once per process.

    open_graph: the runtime of the frame step; the precompute graphs run on ONNX Runtime. precision: INT8 for the
    frame step in 8 bits; for any other, the runtime is given the graph in single precision.

    Raises:
        PackError: a file is missing or damaged, a graph is not what the manifest says or computes no numbers.
    """
    manifest = read_manifest(folder)
    for name in FILES:
        check_hash(folder / name, manifest.hashes[name])
    architecture, path = manifest.model.architecture, folder / (FRAME_STEP_INT8 if precision == INT8 else FRAME_STEP)
    frame_steps = {
        batch: open_checked(path, batch, threads, frame_step_specs(architecture, batch), open_graph)
        for batch in batches
    }
    encode = open_checked(folder / ENCODE, 1, threads, encode_specs(architecture), open_onnx)
    return Pack(folder, manifest, frame_steps, encode)


def read_manifest(folder: Path) -> PackManifest:
    """
    Raises:
        PackError: there is none, or it is not of this form.
    """
    path = folder / MANIFEST
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["format"] != FORMAT:
            raise PackError(path, f"format {FORMAT}", str(value["format"]), OTHER_FORMAT)
        texts = {name: str(value[name]) for name in ("name", "version", "licence")}
        hashes = {name: str(value["files"][name]) for name in FILES}
        return PackManifest(model=Model.from_json(value["model"]), hashes=hashes, **texts)
    except FileNotFoundError:
        raise PackError(path, "a pack's manifest", "no such file") from None
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, PackError):
            raise
        raise PackError(path, "a pack's manifest", f"{type(error).__name__}: {error}") from error


def write_manifest(folder: Path, name: str, version: str, licence: str, model: Model) -> None:
    """Make the manifest of a folder whose other files are all there."""
    value = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "licence": licence,
        "model": model.to_json(),
        "files": {file: file_hash(folder / file) for file in FILES},
    }
    (folder / MANIFEST).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def check_hash(path: Path, wanted: str) -> None:
    """
    Raises:
        PackError: the file is missing, or not the one that the manifest was made for.
    """
    if not path.is_file():
        raise PackError(path, "a file of the pack", "no such file")
    found = file_hash(path)
    if found != wanted:
        raise PackError(path, f"SHA-256 {wanted[:12]}…", f"{found[:12]}… in {path.stat().st_size} bytes")


def file_hash(path: Path) -> str:
    """SHA-256, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_checked(path: Path, batch: int, threads: int, specs: tuple[Specs, Specs], open_graph: OpenGraph) -> Graph:
    """One of a pack's graphs, tried.

    Raises:
        PackError: the runtime refuses it, it has not these inputs and outputs, in whatever order, or it computes no
            numbers.
    """
    try:
        graph = open_graph(path, batch, threads)
    except GraphError as error:
        raise PackError(path, "a graph that the chosen runtime computes", str(error)) from error
    for kind, found, wanted in (("inputs", graph.inputs, specs[0]), ("outputs", graph.outputs, specs[1])):
        if sorted(found, key=_name) != sorted(wanted, key=_name):
            raise PackError(path, f"the {kind} {_named(wanted)}", _named(found))
    _try(path, graph)
    return graph


def _try(path: Path, graph: Graph) -> None:
    """A grey picture without noise shows weights that hold NaN or infinities, a random one what leaves a precision."""
    grey = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in graph.inputs}
    for feeds in (grey, *random_probes(graph.inputs, 1)):
        for name, result in graph.run(feeds).items():
            if not np.isfinite(result).all():
                found = "NaN or infinities: its weights are damaged, or on a GPU too large for float16"
                raise PackError(path, f"{name} of finite numbers", found, f"{FIX}, or {MORE_RANGE}")


def _name(spec: TensorSpec) -> str:
    return spec.name


def _named(specs: Specs) -> str:
    return ", ".join(f"{spec.name} {spec.shape}" for spec in specs)
