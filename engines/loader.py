"""Builds what a server needs from names: an engine, and the presenters. Knows no network and no time."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakValueDictionary

from engines.api import Engine
from engines.backends.batch_planner import linear_cost, measured_cost
from engines.backends.registry import AUTO, ON_GPU, PYTORCH_CUDA, OpenGraph, UnknownBackend, opener, precision_of
from engines.diffusion.conditioning import Precompute, precompute_by
from engines.diffusion.engine import DiffusionEngine
from engines.diffusion.frame_refiner import REUSE_BELOW, MethodOptions
from engines.diffusion.pack import BATCHES as CPU_BATCHES
from engines.diffusion.pack import SHIPPED as SHIPPED_PACK
from engines.diffusion.pack import load_pack
from engines.diffusion.sd15 import pack as sd15
from engines.diffusion.sd15.precompute import Sd15Precompute
from engines.errors import FileRefused
from engines.face.avatar import FaceAvatar, Manifest, load_avatar, read_manifest
from engines.face.errors import AvatarError
from engines.face.loop import LoopCache
from engines.speech.loader import load_lip_encoder
from engines.warp.engine import WarpEngine

__all__ = [
    "ENGINES",
    "GPU_BATCHES",
    "ON_GPU",
    "SHIPPED",
    "BackendOptions",
    "FileRefused",
    "Presenter",
    "Presenters",
    "UnknownBackend",
    "UnknownEngine",
    "UnknownPresenter",
    "gpu_batches",
    "load_engine",
    "loop_cache",
    "user_cache",
    "user_presenters",
]  # fmt: skip

LOGGER = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "presenters"
ENGINES = ("warp", "diffusion")
GPU_BATCHES = (1, 2, 4, 8, 16)  # rows of a frame step
# Avatars kept though no session shows them: with their loops in memory (157 MB for each 8 s of 512×512), or in files.
KEPT_IN_MEMORY, KEPT_IN_FILES = 2, 4


def user_presenters() -> Path:
    """The folder of the avatars that a user has made: ~/.local/share/lipcast/presenters, or in $XDG_DATA_HOME."""
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "lipcast" / "presenters"


def user_cache() -> Path:
    """The folder of files that can be made again: ~/.cache/lipcast, or in $XDG_CACHE_HOME."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "lipcast"


def conditioning_cache() -> Path:
    """Folder of precomputed conditioning for packs of users."""
    return user_cache() / "conditioning"


def loop_cache() -> LoopCache | None:
    """Of decoded idle loops; None where the system has no reads at an offset (Windows): loops are then in memory."""
    return LoopCache(user_cache() / "loops") if hasattr(os, "preadv") else None


def gpu_batches(max_batch: int) -> tuple[int, ...]:
    """The sizes that a GPU opens where calls have so many rows at most: up to the first that takes them all at once.

    Each takes memory, and time at start; rows beyond the largest size take several runs.
    """
    needed = 1 + sum(size < max_batch for size in GPU_BATCHES)
    return GPU_BATCHES[:needed]


class UnknownEngine(LookupError):
    """The message names the engines that exist."""


class UnknownPresenter(LookupError):
    """The message names the presenters that exist."""


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """How a network is computed.

    precision: what in, AUTO for what the backend and the pack do best. On a GPU only: max_batch, streams of a call at
    most, by which batches are chosen; now, a clock in seconds by which these are measured, None: they are taken to cost
    by their rows.
    """

    backend: str = "onnxruntime"
    precision: str = AUTO
    max_batch: int = GPU_BATCHES[-1]
    now: Callable[[], float] | None = None


def load_engine(
    name: str,
    lookahead_frames: int,
    pack: Path | None = None,
    threads: int = 2,
    runtime: BackendOptions | None = None,
) -> Engine:
    """Load weights and build graphs; slow, once per process.

    pack: folder of the diffusion engine's weights, None for those that ship; threads: of its network, or with a network
    on a GPU, of the work on the streams; runtime: of its network.

    Raises:
        UnknownEngine, UnknownBackend: there is none of that name, or it does not compute this pack so.
        PackError: the weights are missing, damaged, or not for this release.
    """
    if name not in ENGINES:
        raise UnknownEngine(f"no engine {name!r}; there are: {', '.join(ENGINES)}")
    lip_encoder = load_lip_encoder(lookahead_frames)
    if name == "warp":
        return WarpEngine(lip_encoder)
    folder, runtime = pack or SHIPPED_PACK, runtime or BackendOptions()
    on_gpu, is_sd15 = runtime.backend in ON_GPU, sd15.is_sd15(folder)
    batches = gpu_batches(runtime.max_batch) if on_gpu else CPU_BATCHES
    precision = precision_of(runtime.backend, runtime.precision, has_int8=not is_sd15)
    open_graph = _opener(folder, runtime.backend, precision)
    precompute: Precompute
    if is_sd15:
        own = sd15.load_pack(folder, threads=threads, batches=batches, open_graph=open_graph)
        frame_steps, precompute, options = own.frame_steps, _sd15_precompute(own), own.options
    else:
        weights = load_pack(folder, threads=threads, batches=batches, open_graph=open_graph, precision=precision)
        frame_steps, options = weights.frame_steps, MethodOptions(reuse_below=REUSE_BELOW)
        precompute = precompute_by(weights.encode, weights.manifest.size)
    network = measured_cost(frame_steps, runtime.now) if on_gpu and runtime.now else linear_cost(frame_steps)
    return DiffusionEngine(lip_encoder, network, precompute, options, threads if on_gpu else 1)


def _opener(folder: Path, backend: str, precision: str) -> OpenGraph:
    if backend != PYTORCH_CUDA:
        return opener(backend, precision)
    try:
        from engines.diffusion.cuda_graph import open_captured  # late: PyTorch is needed for this alone
    except ImportError as error:
        raise UnknownBackend(f"{backend} needs PyTorch: pip install -e '.[diffusion]' ({error})") from error
    return open_captured(folder, precision=precision)


def _sd15_precompute(pack: sd15.Sd15Pack) -> Sd15Precompute:
    manifest = pack.manifest
    graphs = pack.frame_steps[1], pack.latents, pack.tokens
    return Sd15Precompute(manifest.model, pack.options, manifest.key, *graphs, conditioning_cache())


@dataclass(frozen=True, slots=True)
class Presenter:
    """An avatar's folder and manifest; its pictures are not loaded yet."""

    folder: Path
    manifest: Manifest

    @property
    def preview(self) -> Path:
        return self.folder / "preview.jpg"


class Presenters:
    """The avatars of some folders. Those that a session shows, and those used last, stay in memory; thread-safe.

    Of two avatars of one name the one in the earlier folder counts; a folder need not exist. cache: of decoded loops.

    skipped: those that cannot be read, by name, and why; a damaged one must not keep the others from being shown.

    Raises:
        AvatarError: the folders have no avatar that can be read.
    """

    def __init__(self, *folders: Path, cache: LoopCache | None = None) -> None:
        self._cache = cache
        self.all: dict[str, Presenter] = {}
        self.skipped: dict[str, AvatarError] = {}
        folders = folders or (SHIPPED,)
        for folder in folders:
            for path in sorted(folder.glob("*/avatar.json")) if folder.is_dir() else ():
                self._add(path)
        if not self.all and self.skipped:
            raise next(iter(self.skipped.values()))
        if not self.all:
            raise AvatarError(
                folders[0], "folders with an avatar.json", "none", "give the folder that holds the avatars' folders"
            )
        self._living: WeakValueDictionary[str, FaceAvatar] = WeakValueDictionary()
        self._used: OrderedDict[str, FaceAvatar] = OrderedDict()  # the last is the one used last
        # Who shows a presenter that is in memory must not wait until another one has been decoded.
        self._looking, self._loading = threading.Lock(), {name: threading.Lock() for name in self.all}

    def _add(self, path: Path) -> None:
        try:
            manifest = read_manifest(path)
            manifest = replace(manifest, name=path.parent.name)  # by which it is asked for; folders may be renamed
        except AvatarError as error:
            LOGGER.warning("presenter %r is skipped: %s", path.parent.name, error)
            self.skipped[path.parent.name] = error
        else:
            self.all.setdefault(path.parent.name, Presenter(path.parent, manifest))

    def find(self, name: str) -> Presenter:
        """
        Raises:
            UnknownPresenter: there is none of that name.
        """
        if name not in self.all:
            raise UnknownPresenter(f"no presenter {name!r}; there are: {', '.join(self.all)}")
        return self.all[name]

    def load(self, name: str) -> FaceAvatar:
        """The avatar: slow the first time, while its loop is decoded.

        Raises:
            UnknownPresenter, AvatarError
        """
        presenter = self.find(name)
        return self._in_memory(name) or self._decoded(name, presenter)

    def _in_memory(self, name: str) -> FaceAvatar | None:
        with self._looking:
            avatar = self._living.get(name)
            return None if avatar is None else self._kept(name, avatar)

    def _decoded(self, name: str, presenter: Presenter) -> FaceAvatar:
        with self._loading[name]:
            avatar = self._in_memory(name)
            if avatar is None:
                avatar = load_avatar(presenter.folder, self._cache)
                with self._looking:
                    self._kept(name, avatar)
            return avatar

    def _kept(self, name: str, avatar: FaceAvatar) -> FaceAvatar:
        """Whoever calls this holds the lock."""
        self._living[name] = self._used[name] = avatar
        self._used.move_to_end(name)
        while len(self._used) > (KEPT_IN_MEMORY if self._cache is None else KEPT_IN_FILES):
            self._used.popitem(last=False)
        return avatar
