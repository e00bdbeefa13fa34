"""Caches per-avatar constants on the device, so that they are uploaded once and not with every frame.

A read-only array counts as constant. Knows no runtime.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
D = TypeVar("D", bound=np.generic)
Key = tuple[int, tuple[int, ...], tuple[int, ...], str]  # address, shape, strides, type


class DeviceConstants(Generic[T]):
    """Copies on a device, each for as long as the array's memory lives. For one thread at a time."""

    def __init__(self, upload: Callable[[NDArray[Any]], T]) -> None:
        """upload: makes a copy on the device."""
        self._upload = upload
        self._copies: dict[int, dict[Key, T]] = {}  # by the identity of the array that owns the memory

    def of(self, array: NDArray[Any]) -> T | None:
        """The device copy of an array; None where the array, or the one whose memory it shares, is writeable."""
        owner = base_array(array)
        if array.flags.writeable or owner.flags.writeable:
            return None
        if id(owner) not in self._copies:
            self._copies[id(owner)] = {}
            weakref.finalize(owner, _forget, weakref.ref(self), id(owner)).atexit = False
        copies = self._copies[id(owner)]
        key = (array.ctypes.data, array.shape, array.strides, array.dtype.str)
        if key not in copies:
            copies[key] = self._upload(array)
        return copies[key]

    def forget(self, owner: int) -> None:
        """Drop the copies of an array's memory. owner: id() of that array."""
        self._copies.pop(owner, None)

    def clear(self) -> None:
        self._copies.clear()

    def __len__(self) -> int:
        return sum(map(len, self._copies.values()))


def _forget(constants: weakref.ref[DeviceConstants[Any]], owner: int) -> None:
    """Holds the cache weakly, so that a graph that was closed does not live as long as the arrays."""
    cache = constants()
    if cache is not None:
        cache.forget(owner)


def frozen(array: NDArray[D]) -> NDArray[D]:
    """A read-only copy."""
    copy = np.array(array)
    copy.setflags(write=False)
    return copy


def base_array(array: NDArray[Any]) -> NDArray[Any]:
    """The array whose memory this one shows: itself, unless it is a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
