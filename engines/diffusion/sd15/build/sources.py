"""Finds the parts of a pack in folders of weights by what the files say of themselves. Needs no torch, reads no weight.

How people name and nest the folders does not matter: diffusers' and transformers' folders are known by their
config.json, adapters and LoRAs by the names of their tensors.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.diffusion.sd15.errors import WeightsMissing, WeightsRefused
from engines.diffusion.sd15.model import FACEID_PLUS, PLAIN, PLUS
from engines.diffusion.sd15.build.tensor_file import PICKLES, UNPICKLE, TensorFile, read_header

CONFIG = "config.json"
# Of a folder's files those that are read, the first that is there: full precision before half.
STEMS = ("diffusion_pytorch_model", "model")
KINDS = {
    "UNet2DConditionModel": "unet",
    "AutoencoderKL": "vae",
    "AutoencoderTiny": "tiny",
    "CLIPTextModel": "text_encoder",
    "CLIPVisionModelWithProjection": "image_encoder",
}
LICENCE = re.compile(r"^license:\s*(\S+)", re.MULTILINE)
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
FETCH = "python -m scripts.tools.fetch_weights --out FOLDER fetches a standard set"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One model. config: of its config.json, empty for single files; file: its weights; origin: what the user named."""

    kind: str
    file: TensorFile
    origin: Path
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def licence(self) -> str:
        """As the model card above the file states it."""
        for folder in self.path.parents:
            card = folder / "README.md"
            if card.is_file() and (found := LICENCE.search(card.read_text(encoding="utf-8", errors="replace"))):
                return found[1]
            if folder == self.origin:
                break
        return "not stated beside the file; look it up where it came from"


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """All that the origins hold. words: vocab.json or tokenizer.json; schedule: scheduler_config.json; pickles: files
    that were passed over."""

    parts: tuple[Part, ...]
    words: tuple[Path, ...]
    schedules: tuple[Path, ...]
    pickles: tuple[Path, ...]

    def of(self, kind: str) -> list[Part]:
        return [part for part in self.parts if part.kind == kind]


def find(origins: Sequence[str]) -> Found:
    """Look through folders, files, and names of the hub's cache.

    Raises:
        WeightsRefused, WeightsMissing: an origin does not exist, or a file is damaged.
    """
    parts: list[Part] = []
    seen: dict[str, list[Path]] = {"words": [], "schedules": [], "pickles": []}
    for path, origin in _every_file(origins):
        if path.name == CONFIG:
            parts.extend(_configured(path, origin))
        elif path.name in ("vocab.json", "tokenizer.json"):
            seen["words"].append(path)
        elif path.name == "scheduler_config.json":
            seen["schedules"].append(path)
        elif path.suffix in PICKLES:
            seen["pickles"].append(path)
        elif path.suffix == ".safetensors" and not _belongs_to_config(path):
            parts.extend(_single(path, origin))
    return Found(tuple(parts), *(tuple(seen[name]) for name in ("words", "schedules", "pickles")))


def _every_file(origins: Sequence[str]) -> Iterator[tuple[Path, Path]]:
    """Every file once, and the origin where it was found: origins may be nested."""
    known: set[Path] = set()
    for named in origins:
        origin = locate(named)
        for path in [origin] if origin.is_file() else sorted(_files(origin)):
            if path.absolute() not in known:
                known.add(path.absolute())
                yield path, origin


def locate(named: str) -> Path:
    """The folder or file that a user named, or the folder of a model in the hub's cache on this machine.

    Raises:
        WeightsMissing: there is neither.
    """
    path = Path(named).expanduser()
    if path.exists():
        return path
    if HUB_NAME.fullmatch(named):
        kept = _hub_cache() / f"models--{named.replace('/', '--')}"
        reference = kept / "refs" / "main"
        if reference.is_file():
            return kept / "snapshots" / reference.read_text(encoding="utf-8").strip()
        fix = f"fetch it with `hf download {named}`, or: {FETCH}"
        raise WeightsMissing(f"{named}: no such folder, and no model of that name in {_hub_cache()}; {fix}")
    raise WeightsMissing(f"{named}: no such folder or file; {FETCH}")


def _hub_cache() -> Path:
    """Where huggingface_hub keeps what it has fetched."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")


def _files(folder: Path) -> Iterator[Path]:
    # The hub's cache is made of links to files: they are followed, links to folders are not.
    return (path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts[len(folder.parts) :])


def _configured(path: Path, origin: Path) -> list[Part]:
    config = read_json(path)
    names = [config.get("_class_name"), *(config.get("architectures") or ())]
    kind = next((KINDS[name] for name in names if name in KINDS), None)
    if kind is None:
        return []
    weights = next((each for each in _weights_beside(path) if each.is_file()), None)
    if weights is None:
        beside = [each for each in path.parent.iterdir() if each.suffix in PICKLES]
        if beside:
            raise WeightsRefused(beside[0], f"{STEMS[0]}.safetensors or {STEMS[1]}.safetensors", "a pickle", UNPICKLE)
        raise WeightsRefused(
            path.parent, f"the weights of {path.name} as safetensors", "none", "fetch the folder again"
        )
    return [Part(kind, read_header(weights), origin, config)]


def _weights_beside(config: Path) -> list[Path]:
    return [config.parent / f"{stem}{variant}.safetensors" for variant in ("", ".fp16") for stem in STEMS]


def _belongs_to_config(path: Path) -> bool:
    return path.name.split(".")[0] in STEMS and (path.parent / CONFIG).is_file()


def _single(path: Path, origin: Path) -> list[Part]:
    file = read_header(path)
    if any(name.startswith("image_proj.") for name in file.shapes):
        return [Part("adapter", file, origin)]
    if any(".lora_down." in name or ".lora_A." in name or ".lora.down." in name for name in file.shapes):
        return [Part("lora", file, origin)]
    return []


def adapter_kind(file: TensorFile) -> str | None:
    """Which IP-Adapter a file is; None for one that is not known here."""
    marks = {
        PLAIN: "image_proj.proj.weight",
        PLUS: "image_proj.latents",
        FACEID_PLUS: "image_proj.perceiver_resampler.proj_in.weight",
    }
    return next((kind for kind, mark in marks.items() if mark in file.shapes), None)


def read_json(path: Path) -> dict[str, Any]:
    """
    Raises:
        WeightsRefused: it is no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsRefused(path, "JSON in UTF-8", str(error), "fetch it again") from error
    if not isinstance(value, dict):
        raise WeightsRefused(path, "a JSON object", type(value).__name__, "fetch it again")
    return value
