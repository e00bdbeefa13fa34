"""What never changes is carried once, what may change never, and nothing outlives its array."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.backends.kept import Kept, frozen


def constant(*shape: int) -> NDArray[np.float32]:
    return frozen(np.random.default_rng(1).normal(size=shape).astype(np.float32))


@pytest.fixture
def carried() -> list[NDArray[Any]]:
    return []


@pytest.fixture
def kept(carried: list[NDArray[Any]]) -> Kept[NDArray[Any]]:
    def carry(array: NDArray[Any]) -> NDArray[Any]:
        carried.append(array.copy())
        return carried[-1]

    return Kept(carry)


def test_an_array_that_nobody_can_write_to_is_carried_once(
    kept: Kept[NDArray[Any]], carried: list[NDArray[Any]]
) -> None:
    array = constant(3, 2)
    for _ in range(3):
        np.testing.assert_array_equal(kept.of(array), array)
    assert len(carried) == 1


def test_views_of_the_same_place_are_the_same_and_of_others_are_not(
    kept: Kept[NDArray[Any]], carried: list[NDArray[Any]]
) -> None:
    array = constant(4, 2)
    for row in (0, 1, 0, 1):
        np.testing.assert_array_equal(kept.of(array[row]), array[row])
    np.testing.assert_array_equal(kept.of(array[:1]), array[:1])  # begins where row 0 does
    assert len(carried) == 3


def test_what_may_change_is_not_kept(kept: Kept[NDArray[Any]], carried: list[NDArray[Any]]) -> None:
    array = np.zeros(4, np.float32)
    view = array[:2]
    view.setflags(write=False)
    assert (kept.of(array), kept.of(view)) == (None, None)  # the view changes with its array
    assert carried == []


def test_a_copy_goes_with_its_array(kept: Kept[NDArray[Any]], carried: list[NDArray[Any]]) -> None:
    array, other = constant(4, 2), constant(4, 2)
    for each in (array[0], array[1], other):
        kept.of(each)
    assert len(kept) == 3
    del array, each
    gc.collect()
    assert len(kept) == 1


def test_copies_go_with_their_keeper_too() -> None:
    class Copy:
        pass

    array, kept = constant(2), Kept(lambda array: Copy())
    copy = weakref.ref(kept.of(array))
    assert copy() is not None
    del kept
    gc.collect()
    assert copy() is None


def test_a_frozen_array_is_a_copy_and_refuses_to_be_written() -> None:
    array = np.zeros((2, 2))
    copy = frozen(array[0])
    array[0] = 5
    assert not copy.any()
    with pytest.raises(ValueError, match="read-only"):
        copy[0] = 1
