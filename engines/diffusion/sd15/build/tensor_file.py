"""Headers of safetensors files: what is in them, and whether they are whole, without reading a weight."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from engines.diffusion.sd15.errors import WeightsRefused

LENGTH = 8  # bytes of the header's length
LARGEST_HEADER = 100_000_000  # bytes, as the library itself has it
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
UNPICKLE = (
    "a pickle can run any program when it is opened: take the .safetensors file of the same model, or convert it once "
    "where you trust it, with torch.load(FILE, weights_only=True) and safetensors.torch.save_file"
)

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TensorFile:
    """shapes: of every tensor by name; starts: the byte at which each begins; kinds: safetensors' name of its type."""

    path: Path
    shapes: Mapping[str, Shape]
    starts: Mapping[str, int]
    kinds: Mapping[str, str]

    @property
    def numbers(self) -> int:
        return sum(prod(shape) for shape in self.shapes.values())


def read_header(path: Path) -> TensorFile:
    """
    Raises:
        WeightsRefused: it is a pickle, no file of safetensors, or its end is missing.
    """
    if path.suffix in PICKLES:
        raise WeightsRefused(path, "a file of safetensors", "a pickled checkpoint", UNPICKLE)
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(LENGTH)
        length = struct.unpack("<Q", start)[0] if len(start) == LENGTH else LARGEST_HEADER + 1
        if length > LARGEST_HEADER:
            raise WeightsRefused(path, "a file of safetensors", f"{size} bytes of something else", "fetch it again")
        text = file.read(length)
    try:
        header = {name: entry for name, entry in json.loads(text).items() if name != "__metadata__"}
        shapes = {name: tuple(int(side) for side in entry["shape"]) for name, entry in header.items()}
        starts = {name: LENGTH + length + int(entry["data_offsets"][0]) for name, entry in header.items()}
        kinds = {name: str(entry["dtype"]) for name, entry in header.items()}
        end = LENGTH + length + max((int(entry["data_offsets"][1]) for entry in header.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise WeightsRefused(path, "a header of safetensors", f"{type(error).__name__}", "fetch it again") from error
    if size != end:
        raise WeightsRefused(path, f"{end} bytes, as its header says", f"{size}: it was cut short", "fetch it again")
    return TensorFile(path, shapes, starts, kinds)
