"""Pushed audio: exact, bounded, one finish for each turn, and a position that never runs back."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy.typing import NDArray

from streamer.audio.input import Position
from streamer.audio.pcm_input import PcmInput, PcmResampler, WindowFull
from tests.sounds import Samples, level_db, tone, voice

RATE = 48_000
FRAME = 1920
RATES = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)

Finish = tuple[str, float, bool]


class Owner:
    """Keeps what an input reports."""

    def __init__(self, delay_s: float = 0.0, window_s: float = 30.0) -> None:
        self.finished: list[Finish] = []
        self.input = PcmInput(self._finish, delay_s=delay_s, window_s=window_s)
        self.now = 0.0

    def _finish(self, turn: str, played_s: float, interrupted: bool) -> None:
        self.finished.append((turn, played_s, interrupted))

    def pull(self, frames: int = 1) -> list[tuple[str | None, Samples]]:
        pulled = []
        for _ in range(frames):
            audio = self.input.pull(FRAME, self.now)
            self.now += FRAME / RATE
            pulled.append((audio.turn, audio.samples))
        return pulled


def pcm(samples: Samples) -> NDArray[np.int16]:
    return np.round(samples * 32767).astype(np.int16)


def noise(count: int, seed: int = 1) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-32768, 32768, count, dtype=np.int16)


def test_48_khz_passes_sample_by_sample() -> None:
    owner, spoken = Owner(), noise(5 * FRAME + 100)
    owner.input.start("a", RATE)
    for piece in np.split(spoken, (7, 3000, 3001)):
        owner.input.push(piece)
    owner.input.end()
    pulled = owner.pull(7)
    joined = np.concatenate([samples for _, samples in pulled])
    np.testing.assert_array_equal(joined[: len(spoken)], spoken / np.float32(32768))
    assert not joined[len(spoken) :].any()
    assert [turn for turn, _ in pulled] == ["a"] * 6 + [None]
    assert owner.finished == [("a", len(spoken) / RATE, False)]


@pytest.mark.parametrize("rate", RATES)
def test_every_rate_is_played_at_its_pitch_and_in_its_place(rate: int) -> None:
    owner = Owner()
    owner.input.start("a", rate)
    owner.input.push(pcm(tone(1.0, 440, rate=rate)))
    owner.input.end()
    joined = np.concatenate([samples for _, samples in owner.pull(25)])
    inner = slice(480, -480)  # the tone begins and ends abruptly, which a filter rounds
    np.testing.assert_allclose(joined[inner], tone(1.0, 440)[inner], atol=2e-3)
    [(_, played_s, interrupted)] = owner.finished
    assert played_s == pytest.approx(1.0, abs=1e-3)
    assert not interrupted


@given(st.sampled_from(RATES), st.lists(st.integers(0, 3000), min_size=1, max_size=12))
def test_resampled_chunk_by_chunk_equals_all_at_once(rate: int, sizes: list[int]) -> None:
    whole, pieces, sound = PcmResampler(rate), PcmResampler(rate), noise(sum(sizes))
    chunks = [pieces(piece) for piece in np.split(sound, np.cumsum(sizes)[:-1])]
    np.testing.assert_array_equal(
        np.concatenate([*chunks, pieces.flush()]), np.concatenate([whole(sound), whole.flush()])
    )


@pytest.mark.parametrize("rate", RATES)
def test_resampling_is_causal(rate: int) -> None:
    """What was given out does not change with what comes later, and lags by 3 ms at most."""
    sound = pcm(voice(0.5, rate=rate))
    early, late = PcmResampler(rate), PcmResampler(rate)
    half = rate // 4
    given_out = early(sound[:half])
    np.testing.assert_array_equal(given_out, late(sound)[: len(given_out)])
    assert half / rate - len(given_out) / RATE <= 0.003


def test_a_filter_that_overshoots_stays_in_range() -> None:
    square = np.where(np.arange(8000) // 20 % 2, 32767, -32768).astype(np.int16)
    resampled = PcmResampler(16_000)(square)
    assert np.abs(resampled).max() <= 1.0


def test_speech_is_voiced_and_silence_is_not() -> None:
    owner = Owner()
    owner.input.start("a", RATE)
    owner.input.push(pcm(voice(1.0)))
    voiced = [owner.input.pull(FRAME, 0.0).voiced for _ in range(40)]
    assert sum(voiced[:25]) >= 20
    assert not any(voiced[30:])


def test_a_turn_that_runs_dry_goes_on_when_more_is_pushed() -> None:
    owner = Owner()
    owner.input.start("a", RATE)
    owner.input.push(noise(FRAME))
    assert [turn for turn, _ in owner.pull(3)] == ["a"] * 3
    assert owner.input.position() == Position("a", FRAME / RATE)
    owner.input.push(noise(FRAME, seed=2))
    np.testing.assert_array_equal(owner.pull()[0][1], noise(FRAME, seed=2) / np.float32(32768))
    assert owner.finished == []


def test_cancel_drops_what_waits_and_tells_how_far_it_came() -> None:
    owner = Owner()
    owner.input.start("a", RATE)
    owner.input.push(noise(10 * FRAME))
    owner.pull(3)
    assert owner.input.cancel() == Position("a", 3 * FRAME / RATE)
    assert owner.finished == [("a", 3 * FRAME / RATE, True)]
    turn, samples = owner.pull()[0]
    assert turn is None
    assert not samples.any()
    assert owner.input.cancel() == Position("a", 3 * FRAME / RATE)
    assert len(owner.finished) == 1


def test_an_interruption_is_a_cancel_and_a_new_turn_interrupts_the_former() -> None:
    owner = Owner()
    owner.input.start("a", RATE)
    owner.input.push(noise(FRAME))
    owner.input.interrupt()
    owner.input.start("b", 16_000)
    owner.input.push(noise(1000))
    owner.input.start("c", 8_000)
    assert owner.input.position() == Position("c", 0.0)
    owner.input.close()
    assert owner.finished == [("a", 0.0, True), ("b", 0.0, True), ("c", 0.0, True)]


def test_what_is_under_way_has_not_been_played() -> None:
    """With 100 ms between pull and wire a turn is finished three pulls after its last audio was taken."""
    owner = Owner(delay_s=0.1)
    owner.input.start("a", RATE)
    owner.input.push(noise(5 * FRAME))
    owner.input.end()
    positions = []
    for _ in range(8):
        owner.pull()
        position = owner.input.position()
        assert position is not None
        positions.append(round(position.played_s * RATE) // FRAME)
    assert positions == [0, 0, 0, 1, 2, 3, 4, 5]
    assert owner.finished == [("a", 5 * FRAME / RATE, False)]


def test_a_new_turn_does_not_interrupt_one_whose_audio_is_all_under_way() -> None:
    owner = Owner(delay_s=0.1)
    owner.input.start("a", RATE)
    owner.input.push(noise(FRAME))
    owner.input.end()
    owner.pull()
    owner.input.start("b", RATE)
    assert owner.finished == [("a", FRAME / RATE, False)]


def test_the_next_turn_may_be_started_from_the_report_of_the_last() -> None:
    played: list[str] = []

    def finished(turn: str, played_s: float, interrupted: bool) -> None:
        played.append(turn)
        if len(played) < 3:
            pushed.start(f"turn {len(played)}", RATE)
            pushed.end()

    pushed = PcmInput(finished)
    pushed.start("turn 0", RATE)
    pushed.end()
    assert played == ["turn 0", "turn 1", "turn 2"]
    assert pushed.position() == Position("turn 2", 0.0)


def test_muted_a_turn_runs_on_unheard() -> None:
    owner = Owner()
    owner.input.mute(True)
    owner.input.start("a", RATE)
    owner.input.push(pcm(voice(1.0)))
    audio = owner.input.pull(FRAME, 0.0)
    assert not audio.samples.any()
    assert (audio.voiced, audio.turn) == (False, "a")
    report = owner.input.report(0.0)
    assert (report.muted, report.voiced, report.position) == (True, False, Position("a", FRAME / RATE))


def test_the_report() -> None:
    owner = Owner()
    assert owner.input.report(5.0).idle_s == float("inf")
    assert owner.input.report(5.0).position is None
    owner.input.start("a", 24_000)
    assert owner.input.push(noise(24_000)) == pytest.approx(1.0, abs=0.003)
    owner.input.pull(FRAME, 7.0)
    report = owner.input.report(7.5)
    assert (report.idle_s, report.clock_shift_s, report.concealed_s) == (0.5, 0, 0)
    assert report.buffered_s == pytest.approx(0.96, abs=0.003)


def test_what_waits_is_bounded_and_a_push_is_taken_whole_or_not_at_all() -> None:
    owner = Owner(window_s=1.0)
    owner.input.start("a", 16_000)
    owner.input.push(noise(15_000))
    with pytest.raises(WindowFull, match="at most 1 s"):
        owner.input.push(noise(1_100))
    before = owner.input.report(0.0).buffered_s
    owner.pull(5)
    assert owner.input.push(noise(1_100)) == pytest.approx(before - 0.2 + 1_100 / 16_000, abs=0.001)


def test_many_small_pushes_cost_no_more_than_their_audio() -> None:
    owner = Owner()
    owner.input.start("a", RATE)
    for _ in range(20_000):
        owner.input.push(noise(1))
    turn = owner.input._turn
    assert turn is not None
    assert len(turn.blocks) <= 20_000 // FRAME + 1


@pytest.mark.parametrize(
    "audio",
    [
        pytest.param(np.zeros((2, 960), np.int16), id="two channels"),
        pytest.param(np.zeros(960, np.float32), id="floats"),
    ],
)
def test_other_audio_is_refused(audio: NDArray[np.int16]) -> None:
    owner = Owner()
    owner.input.start("a", RATE)
    with pytest.raises(ValueError, match="int16 is expected"):
        owner.input.push(audio)


@pytest.mark.parametrize("rate", [0, 7_999, 48_001, 96_000])
def test_other_rates_are_refused(rate: int) -> None:
    with pytest.raises(ValueError, match="8000 to 48000"):
        Owner().input.start("a", rate)


def test_calls_out_of_order_are_refused() -> None:
    owner = Owner()
    with pytest.raises(ValueError, match="call start first"):
        owner.input.push(noise(1))
    owner.input.start("a", RATE)
    with pytest.raises(ValueError, match="already runs"):
        owner.input.start("a", RATE)
    owner.input.push(noise(FRAME))
    owner.input.end()
    owner.input.end()
    with pytest.raises(ValueError, match="call start first"):
        owner.input.push(noise(1))
    owner.input.close()
    with pytest.raises(ValueError, match="closed"):
        owner.input.start("b", RATE)
    assert owner.finished == [("a", 0.0, True)]


def test_a_quiet_voice_keeps_its_level() -> None:
    owner = Owner()
    owner.input.start("a", 22_050)
    owner.input.push(pcm(tone(0.5, 440, 0.1, rate=22_050)))
    joined = np.concatenate([samples for _, samples in owner.pull(10)])
    assert level_db(joined) == pytest.approx(level_db(tone(0.4, 440, 0.1)), abs=0.1)


class AnyOrder(RuleBasedStateMachine):
    """Calls by chance, against a model: a list of samples that were pushed and not yet pulled."""

    def __init__(self) -> None:
        super().__init__()
        self.owner = Owner(delay_s=0.1, window_s=0.5)
        self.started: list[str] = []
        self.waiting: list[NDArray[np.int16]] = []
        self.rate = RATE
        self.open = False
        self.before: Position | None = None

    @property
    def runs(self) -> bool:
        return len(self.owner.finished) < len(self.started)

    @rule(rate=st.sampled_from(RATES))
    def start(self, rate: int) -> None:
        self.started.append(f"turn {len(self.started)}")
        self.owner.input.start(self.started[-1], rate)
        self.rate, self.open, self.waiting = rate, True, []

    @precondition(lambda self: self.open)
    @rule(count=st.integers(0, 12_000))
    def push(self, count: int) -> None:
        before = self.owner.input.report(0.0).buffered_s
        audio = noise(count, seed=count)
        try:
            seconds = self.owner.input.push(audio)
        except WindowFull:
            assert Fraction(count, self.rate) + Fraction(before) > 0.5
            assert self.owner.input.report(0.0).buffered_s == before
        else:
            assert seconds <= 0.5 + 0.003
            self.waiting.append(audio)

    @rule()
    def end(self) -> None:
        self.owner.input.end()
        self.open = False

    @rule()
    def cancel(self) -> None:
        self.owner.input.cancel()
        self.open, self.waiting = False, []
        assert not self.runs

    @rule(samples=st.integers(1, 4_000))
    def pull(self, samples: int) -> None:
        audio = self.owner.input.pull(samples, 0.0)
        assert audio.samples.shape == (samples,)
        assert audio.turn in (None, self.started[-1] if self.started else None)
        if self.rate == RATE:
            expected = np.concatenate([np.zeros(0, np.int16), *self.waiting])
            here = min(samples, len(expected))
            np.testing.assert_array_equal(audio.samples[:here], expected[:here] / np.float32(32768))
            assert not audio.samples[here:].any()
            self.waiting = [expected[here:]]

    @invariant()
    def every_turn_but_the_last_has_finished_once_and_in_order(self) -> None:
        names = [name for name, _, _ in self.owner.finished]
        assert names in (self.started, self.started[:-1])

    @invariant()
    def the_position_never_runs_back(self) -> None:
        position = self.owner.input.position()
        if position is not None and self.before is not None and position.turn == self.before.turn:
            assert position.played_s >= self.before.played_s
        self.before = position

    def teardown(self) -> None:
        self.owner.input.close()
        assert [name for name, _, _ in self.owner.finished] == self.started


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
