"""The warp engine: contract, causality, and frames that are exact where nothing moves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.api import Chunk, Effort, Engine, Frame, Step
from engines.speech.api import FRAME_SAMPLES
from engines.warp.engine import WarpEngine, WarpStream
from tests.engines.face import tiny_avatar as tiny
from tests.engines.level_encoder import LevelEncoder

AVATAR = tiny.avatar()
LOOKAHEAD = 2  # frames
JAW = 0  # place of jawOpen


def chunk(level: float, index: int) -> Chunk:
    return Chunk(np.full(FRAME_SAMPLES, level, np.float32), index)


def talk(engine: WarpEngine, stream: WarpStream, levels: list[float], start: int = 0) -> list[Frame]:
    return [engine.step([Step(stream, chunk(level, start + i))])[0] for i, level in enumerate(levels)]


@pytest.fixture
def engine() -> WarpEngine:
    return WarpEngine(LevelEncoder(LOOKAHEAD))


def test_it_is_an_engine(engine: WarpEngine) -> None:
    contract: Engine = engine
    assert contract.timing.lookahead_frames == LOOKAHEAD
    assert contract.timing.samples_per_frame == FRAME_SAMPLES


def test_silence_shows_the_loop_bit_for_bit(engine: WarpEngine) -> None:
    frames = talk(engine, engine.open(AVATAR), [0.0] * 9)
    for place, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.rgb, AVATAR.loop[place % tiny.FRAMES])


def test_frames_are_late_by_the_declared_lookahead(engine: WarpEngine) -> None:
    frames = talk(engine, engine.open(AVATAR), [1.0, 0, 0, 0, 0])
    assert [frame.index for frame in frames] == [-2, -1, 0, 1, 2]
    moved = [not np.array_equal(frame.rgb, AVATAR.loop[i % tiny.FRAMES]) for i, frame in enumerate(frames)]
    assert moved == [False, False, True, False, False]


def test_sound_to_come_changes_no_frame(engine: WarpEngine) -> None:
    levels = [0.3, 0.8, 0.1, 0.6, 0.9, 0.2]
    one, other = engine.open(AVATAR), engine.open(AVATAR)
    for kept, changed in zip(talk(engine, one, levels), talk(engine, other, [*levels[:3], 0, 0, 0]), strict=True):
        if kept.index <= 2 - LOOKAHEAD:
            np.testing.assert_array_equal(kept.rgb, changed.rgb)


def test_a_batch_draws_what_single_steps_draw(engine: WarpEngine) -> None:
    levels = {"a": [0.5, 0.9, 0.0, 0.4], "b": [0.0, 0.2, 1.0, 0.7]}
    single = {name: talk(engine, engine.open(AVATAR), own) for name, own in levels.items()}
    one, other = engine.open(AVATAR), engine.open(AVATAR)
    for i in range(4):
        both = engine.step([Step(one, chunk(levels["a"][i], i)), Step(other, chunk(levels["b"][i], i))])
        for name, frame in zip("ab", both, strict=True):
            np.testing.assert_array_equal(frame.rgb, single[name][i].rgb)
            assert frame.index == single[name][i].index


def test_reset_closes_the_mouth_and_the_loop_goes_on(engine: WarpEngine) -> None:
    stream = engine.open(AVATAR)
    talk(engine, stream, [1.0] * 5)
    engine.reset(stream)
    frames = talk(engine, stream, [0.0] * 4, start=5)
    for place, frame in enumerate(frames, start=5):
        np.testing.assert_array_equal(frame.rgb, AVATAR.loop[place % tiny.FRAMES])


def test_after_reset_new_sound_is_shown_in_time(engine: WarpEngine) -> None:
    stream = engine.open(AVATAR)
    talk(engine, stream, [1.0] * 4)
    engine.reset(stream)
    frames = talk(engine, stream, [1.0, 1.0, 1.0], start=4)
    moved = [not np.array_equal(frame.rgb, AVATAR.loop[i % tiny.FRAMES]) for i, frame in enumerate(frames, start=4)]
    assert moved == [False, False, True]


def test_outside_the_mask_the_loop_is_untouched(engine: WarpEngine) -> None:
    frames = talk(engine, engine.open(AVATAR), [1.0] * 6)
    rows, columns = np.mgrid[0 : tiny.SIZE, 0 : tiny.SIZE] + 0.5
    for place, frame in enumerate(frames):
        affine = AVATAR.face.alignment[place % tiny.FRAMES].astype(np.float64)
        centre = affine @ [0.5, 0.5, 1]
        far = np.hypot(columns - centre[0], rows - centre[1]) > 0.5 * tiny.CROP[2]
        np.testing.assert_array_equal(frame.rgb[far], AVATAR.loop[place % tiny.FRAMES][far])


def test_a_frame_belongs_to_its_receiver(engine: WarpEngine) -> None:
    stream = engine.open(AVATAR)
    frame = talk(engine, stream, [0.0])[0]
    frame.rgb[...] = 0
    assert AVATAR.loop[0].any()
    assert talk(engine, stream, [0.0] * 4, start=1)[3].rgb.any()


def test_louder_opens_wider(engine: WarpEngine) -> None:
    def change(level: float) -> float:
        image = talk(engine, engine.open(AVATAR), [level, 0, 0])[2].rgb
        return float(np.abs(image.astype(int) - AVATAR.loop[2]).sum())

    assert change(0.2) < change(0.5) < change(1.0)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(FRAME_SAMPLES - 1, np.float32),
        np.zeros((1, FRAME_SAMPLES), np.float32),
        np.zeros(FRAME_SAMPLES, np.float64),
        np.zeros(FRAME_SAMPLES, np.int16),
        np.zeros(0, np.float32),
    ],
)
def test_a_wrong_chunk_is_refused_and_no_stream_moves(engine: WarpEngine, samples: NDArray[np.float32]) -> None:
    good = engine.open(AVATAR)
    with pytest.raises(ValueError, match="chunk 7: expected samples"):
        engine.step([Step(good, chunk(1.0, 0)), Step(engine.open(AVATAR), Chunk(samples, 7))])
    np.testing.assert_array_equal(talk(engine, good, [0.0])[0].rgb, AVATAR.loop[0])


def test_what_another_engine_made_is_refused(engine: WarpEngine) -> None:
    class Stranger:
        name, width, height = "stranger", 8, 8

        def reset(self) -> None: ...

    with pytest.raises(TypeError, match="load_avatar"):
        engine.open(Stranger())
    with pytest.raises(TypeError, match="this engine opened"):
        engine.step([Step(Stranger(), chunk(0.0, 0))])


def test_a_chunk_that_was_only_heard_is_heard(engine: WarpEngine) -> None:
    """Frames after it are the same as if it had been drawn."""
    levels = [0.0, 1.0, 0.2, 0.8, 0.5, 0.0, 0.9, 0.3]
    listening, drawing = WarpEngine(LevelEncoder(LOOKAHEAD)), engine
    one, other = listening.open(AVATAR), drawing.open(AVATAR)
    for i, level in enumerate(levels):
        heard = listening.step([Step(one, chunk(level, i), Effort.LISTEN if i in (2, 3) else Effort.FULL)])[0]
        drawn = drawing.step([Step(other, chunk(level, i))])[0]
        assert heard.index == drawn.index
        if heard.picture is None:
            assert i in (2, 3)
        else:
            np.testing.assert_array_equal(heard.rgb, drawn.rgb)


def test_a_gap_and_a_stream_that_comes_twice_are_refused(engine: WarpEngine) -> None:
    stream = engine.open(AVATAR)
    talk(engine, stream, [0.0] * 3)
    with pytest.raises(ValueError, match="expected chunk 3, not 5"):
        engine.step([Step(stream, chunk(0.0, 5))])
    with pytest.raises(ValueError, match="each stream once"):
        engine.step([Step(stream, chunk(0.0, 3)), Step(stream, chunk(0.0, 4))])
