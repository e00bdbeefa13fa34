"""Builds a pack of the weights that a user has: found, chosen, read, exported, compared. Knows no command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.backends.onnxruntime import open_onnx
from engines.backends.parity import Parity, expect_parity, random_probes
from engines.backends.pytorch import open_torch
from engines.diffusion.pack import PackError, file_hash
from engines.files import whole_folder
from engines.diffusion.sd15.build.choice import Choice, Wish, choose
from engines.diffusion.sd15.errors import WeightsRefused
from engines.diffusion.sd15.build.export import export_graph, save_weights
from engines.diffusion.sd15.frame_step import Latents, Tokens, frame_step
from engines.diffusion.sd15.model import (
    FACEID_PLUS,
    LIVE,
    MODES,
    PAPER,
    PLUS,
    Sd15Model,
    frame_step_specs,
    latents_specs,
    tokens_specs,
)
from engines.diffusion.sd15.network import Network
from engines.diffusion.sd15.pack import (
    CARD,
    FRAME_STEP,
    LATENTS,
    MANIFEST,
    TOKENS,
    WEIGHTS,
    Source,
    read_manifest,
    write_manifest,
)  # fmt: skip
from engines.diffusion.sd15.build.read import quieten_libraries, load_face, read_network
from engines.diffusion.sd15.build.room import expect_room, room_at
from engines.diffusion.sd15.solvers import few_steps
from engines.diffusion.sd15.build.sources import find

AGREEMENT = Parity(worst=1e-3, mean=1e-3)  # of ONNX Runtime with PyTorch, both in single precision
PROBES = 2
FACEID_LICENCE = (
    "one that nobody accepted: the FaceID adapters are “exclusively for research purposes and not intended for "
    "commercial use”, as their model card says, and so are InsightFace's networks, which give the embeddings"
)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user chooses, None for the mode's own: see Sd15Model."""

    mode: str = LIVE
    resolution: int | None = None
    steps: int | None = None
    strength: float | None = None
    guidance: float | None = None
    lip_scale: float = 1.0
    identity_scale: float | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode {self.mode!r}: expected one of {MODES}")
        if self.mode == PAPER and self.strength is not None:
            raise ValueError(f"strength {self.strength}: paper begins from noise alone; leave it, or take live")
        if self.mode == LIVE and self.guidance not in (None, 1):
            raise ValueError(f"guidance {self.guidance}: live is not guided; leave it, or take paper")
        own = self.values(PLUS)
        steps, strength = own["steps"], own["strength"]
        if steps < 1 or not 0 < strength <= 1 or (self.mode == LIVE and strength == 1):
            raise ValueError(f"{steps} steps of strength {strength}: expected one or more, above 0 and below 1")
        if self.mode == LIVE:
            few_steps(steps, strength)  # says so where they do not fit

    def values(self, adapter: str) -> dict[str, Any]:
        """Fields of Sd15Model."""
        live = self.mode == LIVE
        own = {
            "resolution": 256 if live else 512,
            "steps": 2 if live else 20,
            "strength": 0.5 if live else 1.0,
            "guidance": 1.0 if live else 7.5,
            # The FaceID form has the person in its queries; the others see the presenter's picture a little.
            "identity_scale": 0.0 if adapter == FACEID_PLUS else 0.3,
        }
        overrides = {name: getattr(self, name) for name in own if getattr(self, name) is not None}
        return {"mode": self.mode, "lip_scale": self.lip_scale, **own, **overrides}


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """origins: folders, files, names in the hub's cache; wish: which parts; face: file of ArcFace's embedding; accepted:
    whether the user accepts the FaceID adapters' licence; threads: for the comparison."""

    origins: tuple[str, ...]
    folder: Path
    settings: Settings = field(default_factory=Settings)
    adapter: str = ""
    lora: str = ""
    few_step: bool = True
    face: Path | None = None
    accepted: bool = False
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)


def build_pack(order: BuildOrder, say: Say) -> Path:
    """Make a pack's folder, whole or not at all; one of that name is replaced. Minutes for weights of the real size.

    Raises:
        WeightsMissing, WeightsRefused, NoRoom: with what was expected, what was found and the fix.
        ParityError: the runtimes do not agree about a graph.
    """
    expect_pack_or_nothing(order.folder)
    quieten_libraries()
    wish = Wish(order.settings.mode, order.adapter, order.lora, order.few_step)
    choice = choose(find(order.origins), wish)
    if choice.kind == FACEID_PLUS and not order.accepted:
        raise WeightsRefused(
            choice.adapter.path, "a licence that you accept", FACEID_LICENCE, "accept it with --accept-faceid-licence"
        )
    expect_room(choice.numbers, room_at(order.folder), order.folder)
    sources = list_sources(choice, say)
    face = None if order.face is None else load_face(order.face)
    network, model = read_network(choice, order.settings.values(choice.kind), face, say)
    with whole_folder(order.folder) as fresh:
        write_graphs(fresh, network, model, order.threads, say)
        (fresh / CARD).write_text(card(model, sources), encoding="utf-8")
        write_manifest(fresh, order.folder.name, model, sources)
        read_manifest(fresh)
    return order.folder


def write_graphs(folder: Path, network: Network, model: Sd15Model, threads: int, say: Say) -> None:
    """Weights and graphs, each compared with PyTorch on ONNX Runtime.

    Raises:
        ParityError: they do not agree.
    """
    say(f"writing {WEIGHTS}")
    weights = save_weights(network, folder / WEIGHTS)
    for name, module, specs, free in (
        (LATENTS, Latents(network), latents_specs(model), False),
        (TOKENS, Tokens(network), tokens_specs(model), False),
        (FRAME_STEP, frame_step(network, model), frame_step_specs(model, 1), True),
    ):
        say(f"exporting {name}")
        path = folder / name
        export_graph(module.eval(), *specs, path, weights, free)
        probes = list(random_probes(specs[0], PROBES))
        found = expect_parity(open_torch(module, *specs), open_onnx(path, 1, threads), probes, AGREEMENT)
        say(f"{name}: ONNX Runtime and PyTorch agree within {found.worst:.1e} of the largest value")


def list_sources(choice: Choice, say: Say) -> list[Source]:
    """What the pack is built of, with hashes; tells each one's licence."""
    sources = []
    for part in choice.parts:
        path = part.path
        source = Source(part.kind, path.name, path.stat().st_size, file_hash(path), part.licence)
        say(f"{part.kind}: {path}, licence {source.licence}, SHA-256 {source.sha256[:12]}…")
        sources.append(source)
    return sources


def card(model: Sd15Model, sources: list[Source]) -> str:
    """The pack's README.md."""
    lines = [
        f"# A pack of Stable Diffusion 1.5 for Lipcast, {model.mode}",
        "",
        f"{model.resolution} pixels, {model.steps} steps, strength {model.strength:g}, guidance {model.guidance:g}, "
        f"IP-Adapter {model.adapter}. Built on this machine of the files below; their licences hold for the pack.",
        "",
        "| part | file | licence | SHA-256 |",
        "|---|---|---|---|",
        *(f"| {each.part} | {each.file} | {each.licence} | {each.sha256} |" for each in sources),
        "",
        "What it draws is AI-generated and must be shown as such.",
    ]
    return "\n".join(lines) + "\n"


def expect_pack_or_nothing(folder: Path) -> None:
    """
    Raises:
        PackError: there is something else that must not be replaced.
    """
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise PackError(folder, "a pack to replace, or nothing", "something else", "choose another --out")
