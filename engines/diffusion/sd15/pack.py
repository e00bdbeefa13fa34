"""A pack of Stable Diffusion on disk: a manifest, three graphs, and one file of weights for them all. Needs no torch.

pack.json says what the model is, what it was built of, and names every other file with its SHA-256. frame_step.onnx has
one free axis, the batch; latents.onnx and tokens.onnx precompute its conditioning on a presenter. weights.safetensors
holds all weights; the graphs read them from there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from engines.backends.api import Graph
from engines.backends.onnxruntime import open_onnx
from engines.backends.registry import OpenGraph
from engines.diffusion.frame_refiner import MethodOptions
from engines.diffusion.noise_sensor import Prior
from engines.diffusion.pack import BATCHES, PackError, check_hash, file_hash, open_checked
from engines.diffusion.sd15.model import LIVE, Sd15Model, frame_step_specs, latents_specs, tokens_specs
from engines.diffusion.temporal_filter import Kernel

KIND = "sd15"
FORMAT = 1
MANIFEST, FRAME_STEP, LATENTS, TOKENS, WEIGHTS, CARD = (
    "pack.json",
    "frame_step.onnx",
    "latents.onnx",
    "tokens.onnx",
    "weights.safetensors",
    "README.md",
)
GRAPHS = (FRAME_STEP, LATENTS, TOKENS)
FILES = (*GRAPHS, WEIGHTS, CARD)
FIX = "build the pack again with `lipcast pack build`"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that a pack was built of. part: what it is for."""

    part: str
    file: str
    bytes: int
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True)
class Sd15Manifest:
    """What pack.json says. hashes: SHA-256 of every other file, by its name; key: that of pack.json itself, by which
    cached conditioning knows its pack."""

    name: str
    model: Sd15Model
    sources: tuple[Source, ...]
    hashes: Mapping[str, str]
    key: str


@dataclass(frozen=True, slots=True, eq=False)
class Sd15Pack:
    """A pack whose graphs are ready. frame_steps: by rows of a batch."""

    folder: Path
    manifest: Sd15Manifest
    frame_steps: Mapping[int, Graph]
    latents: Graph
    tokens: Graph

    @property
    def options(self) -> MethodOptions:
        return options_of(self.manifest.model)


def options_of(model: Sd15Model) -> MethodOptions:
    """The options of a mode: live has no look-ahead; the paper's filter is centred, of five frames, with one noise for
    all of them."""
    if model.mode == LIVE:
        return MethodOptions(noise_sensor=Prior(Kernel.CAUSAL))
    return MethodOptions(noise_sensor=Prior(Kernel.CENTRED_5, correlation=1.0, memory=None, every=1))


def load_pack(
    folder: Path, *, threads: int = 2, batches: Sequence[int] = BATCHES, open_graph: OpenGraph = open_onnx
) -> Sd15Pack:
    """Check every file, build the graphs for batches of these sizes, and try each. Slow: once per process.

    Raises:
        PackError: a file is missing or damaged, a graph is not what the manifest says or computes no numbers.
    """
    manifest = read_manifest(folder)
    for name in FILES:
        check_hash(folder / name, manifest.hashes[name])
    model = manifest.model
    return Sd15Pack(
        folder,
        manifest,
        {
            batch: open_checked(folder / FRAME_STEP, batch, threads, frame_step_specs(model, batch), open_graph)
            for batch in batches
        },
        open_checked(folder / LATENTS, 1, threads, latents_specs(model), open_onnx),
        open_checked(folder / TOKENS, 1, threads, tokens_specs(model), open_onnx),
    )


def is_sd15(folder: Path) -> bool:
    """Whether a folder says that it is such a pack; whatever else is wrong with it is for load_pack to say."""
    try:
        return bool(json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("kind") == KIND)
    except (OSError, ValueError, AttributeError):
        return False


def read_manifest(folder: Path) -> Sd15Manifest:
    """
    Raises:
        PackError: there is none, or it is not of this form.
    """
    path = folder / MANIFEST
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if (value["kind"], value["format"]) != (KIND, FORMAT):
            raise PackError(path, f"{KIND}, format {FORMAT}", f"{value['kind']}, format {value['format']}", FIX)
        sources = tuple(Source(**source) for source in value["sources"])
        hashes = {name: str(value["files"][name]) for name in FILES}
        return Sd15Manifest(str(value["name"]), Sd15Model.from_json(value["model"]), sources, hashes, file_hash(path))
    except FileNotFoundError:
        raise PackError(path, "a pack's manifest", "no such file", FIX) from None
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, PackError):
            raise
        raise PackError(path, "a pack's manifest", f"{type(error).__name__}: {error}", FIX) from error


def write_manifest(folder: Path, name: str, model: Sd15Model, sources: Sequence[Source]) -> None:
    """Make the manifest of a folder whose other files are all there."""
    value = {
        "kind": KIND,
        "format": FORMAT,
        "name": name,
        "model": model.to_json(),
        "sources": [asdict(source) for source in sources],
        "files": {file: file_hash(folder / file) for file in FILES},
    }
    (folder / MANIFEST).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
