"""What never changes of a presenter, carried to a device once and not with every frame. Knows no runtime.

An array that nobody can write to is taken to stay as it is: that is how its maker says so.
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


class Kept(Generic[T]):
    """Copies on a device, each for as long as the array's memory lives. For one thread at a time."""

    def __init__(self, carry: Callable[[NDArray[Any]], T]) -> None:
        """carry: makes a copy on the device."""
        self._carry = carry
        self._copies: dict[int, dict[Key, T]] = {}  # by the identity of the array that owns the memory

    def of(self, array: NDArray[Any]) -> T | None:
        """The copy of an array; None where the array may change, now or through the one whose memory it shares."""
        owner = owner_of(array)
        if array.flags.writeable or owner.flags.writeable:
            return None
        if id(owner) not in self._copies:
            self._copies[id(owner)] = {}
            weakref.finalize(owner, _forget, weakref.ref(self), id(owner)).atexit = False
        copies = self._copies[id(owner)]
        key = (array.ctypes.data, array.shape, array.strides, array.dtype.str)
        if key not in copies:
            copies[key] = self._carry(array)
        return copies[key]

    def forget(self, owner: int) -> None:
        """What was carried of the memory of an array, by its identity."""
        self._copies.pop(owner, None)

    def clear(self) -> None:
        self._copies.clear()

    def __len__(self) -> int:
        return sum(map(len, self._copies.values()))


def _forget(kept: weakref.ref[Kept[Any]], owner: int) -> None:
    """The copies must not live for as long as their array where nobody uses them."""
    there = kept()
    if there is not None:
        there.forget(owner)


def frozen(array: NDArray[D]) -> NDArray[D]:
    """A copy that nobody can write to."""
    copy = np.array(array)
    copy.setflags(write=False)
    return copy


def owner_of(array: NDArray[Any]) -> NDArray[Any]:
    """The array whose memory this one shows: itself, unless it is a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
