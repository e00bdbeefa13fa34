"""Many sessions on one engine whose calls cost what a GPU's or a CPU's cost: in time, in batches, and after a stall.

Time is the fake clock's alone, so that every number here is the same on every machine.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.streamer.load_simulation import FRAME_S, Cost, LoadSimulation

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


def on_a_gpu(fixed: float, each: float) -> Cost:
    """A call costs by the smallest captured batch that holds its pictures."""
    return lambda full: fixed + each * next(size for size in (1, 2, 4, 8, 16) if size >= full)


GPU_256 = on_a_gpu(0.0014, 0.00065)  # what Stable Diffusion at 256 pixels is expected to take on an H200
CPU_128 = lambda full: 0.013 * full  # noqa: E731  the embedded pack on two cores


@pytest.mark.parametrize(("cost", "sessions"), [(GPU_256, 40), (CPU_128, 2)])
async def test_sessions_that_fit_have_all_their_pictures_in_full_and_in_time(cost: Cost, sessions: int) -> None:
    show = await LoadSimulation(cost).play(sessions, frames=25)
    assert (len(show.seen), show.late, show.quick) == (25 * sessions, [], [])


async def test_nobody_waits_for_company() -> None:
    """Waiting so that a batch may grow was tried: it never let one session more fit, and cost some."""
    load = LoadSimulation(GPU_256)
    await load.play(2, frames=10)
    assert set(load.thread.sizes) == {1}


async def test_batches_grow_with_the_load_by_themselves() -> None:
    means = []
    for sessions in (10, 25, 40):
        load = LoadSimulation(GPU_256)
        await load.play(sessions, frames=25)
        means.append(np.mean(load.thread.sizes))
    assert means[0] < 2 < means[1] < 8 < means[2]


async def test_beyond_what_fits_pictures_are_quick_rather_than_late() -> None:
    """Smaller batches that spare the most urgent were tried: they lose what batches are for, and most come late."""
    show = await LoadSimulation(CPU_128, max_batch=4).play(4, frames=50)
    assert len(show.late) <= 1  # by which it is learnt what several pictures in one call take
    assert 46 <= len(show.quick) <= 60  # of 200: at 13 ms each, 46 do not fit


async def test_a_stall_costs_each_session_a_few_frames_and_no_more() -> None:
    sessions, stalled = 25, 1.0
    show = await LoadSimulation(GPU_256).play(sessions, frames=50, stall=(stalled, 0.08))
    hurt = [*show.late, *show.quick]
    assert 0 < len(hurt) <= 4 * sessions
    assert max(hurt) * FRAME_S < stalled + 0.3
