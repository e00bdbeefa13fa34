"""Compiled plans on disk: which plan is for what, and whether it is whole. Knows no runtime.

A plan works for one graph and its weights, one batch size, one version of its compiler and one kind of GPU. All of that
is its key; the key's hash is in the file's name, and the key itself, readable, in a JSON file beside it. The JSON file
is written last: without it there is no plan.
"""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from engines.backends.api import GraphError
from engines.backends.cuda import Device
from engines.backends.hashing import hash_of, hash_of_file
from engines.errors import FileRefused
from engines.files import whole_file

FORMAT = 2  # of the JSON file
RULES = 1  # of precision.py: goes up whenever they give another graph for the same file, and old plans are not found
NAME_DIGITS = 16  # of the key's hash in a file's name


class PlanError(FileRefused, GraphError):
    """A plan cannot be used."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What a plan is to be. precision: "float32", "float16" or "bfloat16", of convolutions and matrix products.

    tf32: float32 products may be taken with 10 bits of mantissa. level: 0 to 5, how long TensorRT searches (from 4 on
    longer, and 5 has been seen to ask for more memory than a GPU has). workspace_mib: memory a layer may borrow.
    """

    precision: str = "float16"
    tf32: bool = True
    level: int = 4
    workspace_mib: int = 8192

    PRECISIONS = ("float32", "float16", "bfloat16")

    def __post_init__(self) -> None:
        if self.precision not in self.PRECISIONS or not 0 <= self.level <= 5 or self.workspace_mib < 1:
            raise ValueError(f"expected a precision of {self.PRECISIONS}, a level of 0 to 5 and memory, got {self}")


@dataclass(frozen=True, slots=True)
class PlanKey:
    """Everything that a plan depends on."""

    graph: str  # the file's name without suffix, for people
    content: str  # content_hash of the ONNX file and of the weights beside it
    batch: int
    options: PlanOptions
    tensorrt: str
    device: Device
    rules: int = RULES

    @property
    def stem(self) -> str:
        written = json.dumps(asdict(self), sort_keys=True).encode()
        return f"{self.graph}-b{self.batch}-{hashlib.sha256(written).hexdigest()[:NAME_DIGITS]}"


def plan_key(source: Source, batch: int, options: PlanOptions, tensorrt: str, device: Device) -> PlanKey:
    return PlanKey(source.path.stem, source.content, batch, options, tensorrt, device)


@dataclass(frozen=True, slots=True)
class Source:
    """An ONNX file as it was when it was hashed, which takes seconds for a large one."""

    path: Path
    content: str


def source_of(path: Path, weights: Sequence[Path] = ()) -> Source:
    """weights: files beside it that hold its larger weights.

    Raises:
        GraphError: one of the files cannot be read.
    """
    return Source(path, content_hash(path, *weights))


@dataclass(frozen=True, slots=True)
class PlanCache:
    """A folder of plans. fix: what a user does about a plan that is missing or refused."""

    folder: Path
    fix: str

    def plan(self, key: PlanKey) -> Path:
        return self.folder / f"{key.stem}.plan"

    def sidecar(self, key: PlanKey) -> Path:
        return self.folder / f"{key.stem}.json"

    def holds(self, key: PlanKey) -> bool:
        try:
            self.load(key)
        except PlanError:
            return False
        return True

    def load(self, key: PlanKey) -> bytes:
        """
        Raises:
            PlanError: there is no plan for this key, or it is not what was written.
        """
        plan, sidecar = self.plan(key), self.sidecar(key)
        if not sidecar.is_file():
            raise PlanError(self.folder, f"a plan for {_words(asdict(key))}", self._others(key), self.fix)
        note = self._note(sidecar)
        if note.get("key") != asdict(key):
            differing = _differences(asdict(key), note.get("key"))
            raise PlanError(sidecar, *differing, self.fix)
        try:
            content = plan.read_bytes()
        except OSError as error:
            raise PlanError(plan, "the plan that its JSON file describes", str(error), self.fix) from error
        found = {"bytes": len(content), "hash": hash_of(content)}
        if note.get("plan") != found:
            raise PlanError(plan, f"{note.get('plan')}", f"{found}: it is damaged", self.fix)
        return content

    def store(self, key: PlanKey, content: bytes, parity: dict[str, Any]) -> Path:
        """Write the plan and its description. A concurrent reader finds the old one, none, or the new one."""
        self.sidecar(key).unlink(missing_ok=True)
        with whole_file(self.plan(key)) as fresh:
            fresh.write_bytes(content)
        note = {
            "format": FORMAT,
            "key": asdict(key),
            "plan": {"bytes": len(content), "hash": hash_of(content)},
            "parity": parity,
        }
        with whole_file(self.sidecar(key)) as fresh:
            fresh.write_bytes(json.dumps(note, indent=2).encode() + b"\n")
        return self.plan(key)

    @contextmanager
    def building(self, key: PlanKey, wait: Callable[[], object]) -> Iterator[None]:
        """For one process at a time; `wait` is called before another one is waited for."""
        import fcntl  # late: there is none on Windows

        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{key.stem}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                wait()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield  # closing the file ends the lock, and so does the process's end, however it comes

    def _note(self, sidecar: Path) -> dict[str, Any]:
        try:
            note = json.loads(sidecar.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise PlanError(sidecar, "JSON that describes a plan", str(error), self.fix) from error
        if not isinstance(note, dict) or note.get("format") != FORMAT:
            raise PlanError(sidecar, f"JSON that describes a plan, of format {FORMAT}", f"{note!r:.80}", self.fix)
        return note

    def _others(self, key: PlanKey) -> str:
        """The plans that there are for this graph and batch size, and what is different about each."""
        found = []
        for sidecar in sorted(self.folder.glob(f"{glob.escape(key.graph)}-b{key.batch}-*.json")):
            try:
                differing = _differences(asdict(key), self._note(sidecar).get("key"))
                found.append(f"{sidecar.name} for {differing[1]}")
            except PlanError as error:
                found.append(str(error))
        return "; ".join(found) or "none"


def content_hash(path: Path, *beside: Path) -> str:
    """Of a file and of those that belong to it, in the order given.

    Raises:
        GraphError: one of them cannot be read.
    """
    total = hashlib.sha256()
    for part in (path, *beside):
        try:
            total.update(hash_of_file(part).encode())  # of hashes, so that no byte moves from one file to the next
        except OSError as error:
            raise GraphError(f"{part}: expected a file of a graph, found none that can be read: {error}") from error
    return total.hexdigest()


def _differences(wanted: dict[str, Any], found: Any) -> tuple[str, str]:
    if not isinstance(found, dict):
        return _words(wanted), f"{found!r:.80}"
    differing = [field.name for field in fields(PlanKey) if found.get(field.name) != wanted[field.name]]
    return _words({name: wanted[name] for name in differing}), _words({n: found.get(n) for n in differing})


def _words(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    return "(" + _words(value) + ")" if isinstance(value, dict) else str(value)
