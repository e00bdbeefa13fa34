"""What never changes is uploaded once, what may change never, and nothing outlives its array."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.backends.device_constants import DeviceConstants, frozen


def constant(*shape: int) -> NDArray[np.float32]:
    return frozen(np.random.default_rng(1).normal(size=shape).astype(np.float32))


@pytest.fixture
def uploaded() -> list[NDArray[Any]]:
    return []


@pytest.fixture
def constants(uploaded: list[NDArray[Any]]) -> DeviceConstants[NDArray[Any]]:
    def upload(array: NDArray[Any]) -> NDArray[Any]:
        uploaded.append(array.copy())
        return uploaded[-1]

    return DeviceConstants(upload)


def test_a_read_only_array_is_uploaded_once(
    constants: DeviceConstants[NDArray[Any]], uploaded: list[NDArray[Any]]
) -> None:
    array = constant(3, 2)
    for _ in range(3):
        np.testing.assert_array_equal(constants.of(array), array)
    assert len(uploaded) == 1


def test_views_of_the_same_memory_share_a_copy(
    constants: DeviceConstants[NDArray[Any]], uploaded: list[NDArray[Any]]
) -> None:
    array = constant(4, 2)
    for row in (0, 1, 0, 1):
        np.testing.assert_array_equal(constants.of(array[row]), array[row])
    np.testing.assert_array_equal(constants.of(array[:1]), array[:1])  # begins where row 0 does
    assert len(uploaded) == 3


def test_writeable_is_not_cached(constants: DeviceConstants[NDArray[Any]], uploaded: list[NDArray[Any]]) -> None:
    array = np.zeros(4, np.float32)
    view = array[:2]
    view.setflags(write=False)
    assert (constants.of(array), constants.of(view)) == (None, None)  # the view changes with its array
    assert uploaded == []


def test_a_copy_goes_with_its_array(constants: DeviceConstants[NDArray[Any]], uploaded: list[NDArray[Any]]) -> None:
    array, other = constant(4, 2), constant(4, 2)
    for each in (array[0], array[1], other):
        constants.of(each)
    assert len(constants) == 3
    del array, each
    gc.collect()
    assert len(constants) == 1


def test_copies_go_with_the_cache_too() -> None:
    class Copy:
        pass

    array, constants = constant(2), DeviceConstants(lambda array: Copy())
    copy = weakref.ref(constants.of(array))
    assert copy() is not None
    del constants
    gc.collect()
    assert copy() is None


def test_a_frozen_array_is_a_copy_and_refuses_to_be_written() -> None:
    array = np.zeros((2, 2))
    copy = frozen(array[0])
    array[0] = 5
    assert not copy.any()
    with pytest.raises(ValueError, match="read-only"):
        copy[0] = 1
