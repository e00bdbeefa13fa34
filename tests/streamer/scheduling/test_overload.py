"""Where the engine cannot draw all pictures in full, some are quick, everybody's in turn, and hardly any comes late.

The costs are drawn by chance, with stalls among them, on the fake clock: every number here is the same everywhere.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable

import pytest

from tests.streamer.load_simulation import FRAME_S, Cost, LoadSimulation, Outcome, Seen

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

BUDGET_S = 0.056  # the diffusion engine's margin and a session's grace
QUICK_S = 0.004  # of a structure frame
SPREAD = 0.12  # of the logarithm of a call's cost
STALLS = 0.005  # so many calls take 1.5 to 3 times as long
SECONDS = 30


def drawn(seconds: float, load: Callable[[], float] = lambda: 1.0) -> Cost:
    """Calls that take so long for each full picture, more or less. load: by what factor more, now."""
    chance = random.Random(3)

    def cost(full: int) -> float:
        stall = chance.uniform(1.5, 3.0) if chance.random() < STALLS else 1.0
        return seconds * load() * full * stall * math.exp(chance.gauss(0.0, SPREAD))

    return cost


async def play(load: float, sessions: int = 2, seconds: int = SECONDS) -> Outcome:
    """load: what full pictures for all take, in parts of the time that there is."""
    simulation = LoadSimulation(drawn(load * FRAME_S / sessions), max_batch=4, budget_s=BUDGET_S, quick_s=QUICK_S)
    return await simulation.play(sessions, round(seconds / FRAME_S))


def quick_share(seen: list[Seen]) -> float:
    return sum(one.quick for one in seen) / len(seen)


@pytest.mark.parametrize(
    ("load", "sessions", "least_quick", "most_quick"),
    [
        (0.5, 2, 0.0, 0.0),
        (0.9, 2, 0.0, 0.1),
        (1.2, 2, 0.3, 0.6),  # one of two fits
        (1.05, 1, 0.4, 0.8),  # one in two frames, mostly
        (2.0, 2, 0.7, 0.9),  # a single one would take all the time: one of the two in two frames
        (2.0, 1, 0.9, 1.0),  # not even a single one
        (2.0, 4, 0.5, 0.9),  # one of four, or two
    ],
)
async def test_hardly_a_frame_is_late_whatever_the_load(
    load: float, sessions: int, least_quick: float, most_quick: float
) -> None:
    show = await play(load, sessions)
    assert show.late_share < 0.01
    assert least_quick <= quick_share(show.seen) <= most_quick


async def test_a_load_that_does_not_end_costs_less_and_less() -> None:
    show = await play(2.0, sessions=1, seconds=120)
    halfway = 60 / FRAME_S
    later = [index for index in show.late if index > halfway]
    assert len(later) <= 3  # of 1500: tries 32 s apart


@pytest.mark.parametrize(("load", "sessions", "most"), [(1.2, 2, 3), (2.0, 2, 8), (2.0, 4, 6)])
async def test_everybody_has_a_full_picture_every_few_frames(load: float, sessions: int, most: int) -> None:
    """most: degraded frames in a row, but for one row in twenty: a try that fails costs more."""
    show = await play(load, sessions, seconds=60)
    shares = [quick_share(show.of(session)) for session in range(sessions)]
    assert max(shares) - min(shares) < 0.1
    for session in range(sessions):
        rows = sorted(
            len(list(row)) for quick, row in itertools.groupby(show.of(session), lambda one: one.quick) if quick
        )
        assert rows[len(rows) * 19 // 20] <= most


async def test_after_a_load_full_pictures_come_back_within_seconds() -> None:
    begins, ends, back = 5.0, 15.0, 25.0
    simulation = LoadSimulation(lambda full: cost(full), max_batch=4, budget_s=BUDGET_S, quick_s=QUICK_S)
    cost = drawn(0.012, lambda: 6.0 if begins < simulation.clock.now() < ends else 1.0)
    show = await simulation.play(2, round(35 / FRAME_S))
    shares = [
        quick_share([one for one in show.seen if since < one.index * FRAME_S < until])
        for since, until in ((0.0, begins), (begins + 2, ends), (back, 35.0))
    ]
    assert shares[0] < 0.02
    assert shares[1] > 0.9
    assert shares[2] < 0.05
    assert show.late_share < 0.01


async def test_a_stall_now_and_then_takes_no_session_its_full_pictures() -> None:
    simulation = LoadSimulation(drawn(0.012), max_batch=4, budget_s=BUDGET_S, quick_s=QUICK_S)
    show = await simulation.play(2, round(10 / FRAME_S), stall=(5.0, 0.08))
    assert quick_share(show.seen) < 0.02


async def test_silence_does_not_make_a_load_forgotten() -> None:
    """Silent pictures cost nothing, full or not; what speech costs must not be forgotten over them."""
    simulation = LoadSimulation(
        drawn(2.0 * FRAME_S),
        budget_s=BUDGET_S,
        quick_s=QUICK_S,
        speaks=lambda session, now: now % 5.0 < 3.0,
    )
    show = await simulation.play(1, round(SECONDS / FRAME_S))
    assert show.late_share < 0.01


async def test_a_session_that_is_silent_takes_no_speaking_one_its_full_pictures() -> None:
    simulation = LoadSimulation(
        drawn(0.024), max_batch=4, budget_s=BUDGET_S, quick_s=QUICK_S, speaks=lambda session, now: session == 0
    )
    show = await simulation.play(2, round(10 / FRAME_S))
    assert quick_share(show.of(0)) < 0.02
