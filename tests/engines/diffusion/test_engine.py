"""The diffusion engine around its network: contract, causality, compositing, and each part switched off."""

from __future__ import annotations

import dataclasses
import gc
import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.api import Chunk, Effort, Engine, Frame, Step, Style
from engines.backends.api import GraphError
from engines.backends.batch_planner import BatchPlanner, linear_cost
from engines.diffusion.conditioning import precompute_by
from engines.diffusion.engine import DiffusionEngine
from engines.diffusion.frame_refiner import FULL_BLEND, MethodOptions
from engines.diffusion.noise_sensor import Prior
from engines.diffusion.stream import DiffusionStream
from engines.diffusion.temporal_filter import Kernel
from engines.face.avatar import FaceAvatar
from engines.face.composite import add_residual
from engines.motion import LipMotion
from engines.speech.api import FRAME_SAMPLES
from engines.warp.engine import WarpEngine
from tests.engines.diffusion.graphs import LATENT, SIZE, FakeEncode, FakeFrameStep
from tests.engines.face import tiny_avatar as tiny
from tests.engines.level_encoder import LevelEncoder, LevelStream

AVATAR = tiny.avatar()
LOOKAHEAD = 1  # frames, of the lip encoder
PLAIN = MethodOptions(structure_controller=False, noise_sensor=None)


LEVELS_OF_A_WORD = [0.0, 0.2, 1.0, 0.6, 0.1, 0.9, 0.7, 0.3, 0.0, 0.0, 0.4, 1.0]


def engine_of(
    options: MethodOptions | None = None, light: float = 0.0, grain: float = 0.0, threads: int = 1
) -> DiffusionEngine:
    steps = {batch: FakeFrameStep(batch, light, grain) for batch in (1, 2, 4)}
    return DiffusionEngine(
        LevelEncoder(LOOKAHEAD), linear_cost(steps), precompute_by(FakeEncode(), SIZE), options, threads
    )


def chunk(level: float, index: int) -> Chunk:
    return Chunk(np.full(FRAME_SAMPLES, level, np.float32), index)


def effort(quick: bool) -> Effort:
    return Effort.QUICK if quick else Effort.FULL


def talk(engine: Engine, levels: list[float], stream: DiffusionStream | None = None, start: int = 0) -> list[Frame]:
    own = stream or engine.open(AVATAR)
    return [engine.step([Step(own, chunk(level, start + i))])[0] for i, level in enumerate(levels)]


LEVELS = [0.3, 0.8, 0.1, 0.0, 0.6, 0.9, 0.2, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("options", [PLAIN, MethodOptions()])
def test_a_network_that_changes_nothing_shows_what_warp_shows(options: MethodOptions) -> None:
    warp, diffusion = WarpEngine(LevelEncoder(LOOKAHEAD)), engine_of(options)
    for one, other in zip(talk(warp, LEVELS), talk(diffusion, LEVELS), strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)
        assert one.index == other.index


def test_silence_shows_the_loop_bit_for_bit_and_asks_no_network() -> None:
    step = FakeFrameStep(1, light=0.2)
    engine = DiffusionEngine(LevelEncoder(LOOKAHEAD), linear_cost({1: step}), precompute_by(FakeEncode(), SIZE))
    for place, frame in enumerate(talk(engine, [0.0] * 9)):
        np.testing.assert_array_equal(frame.rgb, AVATAR.loop[place % tiny.FRAMES])
    assert step.runs == 0


def test_what_the_network_adds_is_seen_inside_the_mask_only() -> None:
    plain, brighter = talk(engine_of(), [1.0] * 4)[-1], talk(engine_of(light=0.2), [1.0] * 4)[-1]
    changed = (plain.rgb != brighter.rgb).any(axis=2)
    rows, columns = np.mgrid[0 : tiny.SIZE, 0 : tiny.SIZE] + 0.5
    middle = AVATAR.face.alignment[3].astype(np.float64) @ [0.5, 0.5, 1]
    far = np.hypot(columns - middle[0], rows - middle[1])
    assert changed[far < 0.3 * tiny.CROP[2]].all()
    assert not changed[far > 0.5 * tiny.CROP[2]].any()
    gain = brighter.rgb.astype(int) - plain.rgb
    assert abs(np.median(gain[far < 0.3 * tiny.CROP[2]]) - 0.2 * 255) <= 1


def test_near_rest_the_presenter_s_own_skin_comes_back_without_a_jump() -> None:
    def added(level: float) -> float:
        pair = [talk(engine_of(PLAIN, light=light), [level] * 3)[-1].rgb.astype(int) for light in (0.2, 0.0)]
        return float((pair[0] - pair[1]).max())

    assert added(0.0) == 0
    assert 0 < added(FULL_BLEND / 4) < added(FULL_BLEND / 2) < added(FULL_BLEND) == pytest.approx(added(0.3), abs=1)


def test_frames_are_late_by_the_declared_lookahead() -> None:
    for kernel in Kernel:
        engine = engine_of(MethodOptions(noise_sensor=Prior(kernel)))
        late = LOOKAHEAD + kernel.lookahead
        assert engine.timing.lookahead_frames == late
        frames = talk(engine, [1.0] + [0.0] * 7)
        assert [frame.index for frame in frames] == list(range(-late, 8 - late))
        warped = talk(WarpEngine(LevelEncoder(LOOKAHEAD)), [1.0] + [0.0] * 7)
        assert [frame.index for frame in frames if _moved(frame)] == [0]
        assert [frame.index for frame in warped if _moved(frame)] == [0]


def _moved(frame: Frame) -> bool:
    """Whether it differs from every frame of the loop."""
    return all(not np.array_equal(frame.rgb, still) for still in AVATAR.loop)


@pytest.mark.parametrize("kernel", list(Kernel))
def test_sound_to_come_changes_no_frame(kernel: Kernel) -> None:
    engine = engine_of(MethodOptions(noise_sensor=Prior(kernel)), grain=0.1)
    one, other = talk(engine, LEVELS), talk(engine, LEVELS[:6] + [1.0] * 5)
    for kept, changed in zip(one, other, strict=True):
        if kept.index <= 5 - engine.timing.lookahead_frames:
            np.testing.assert_array_equal(kept.rgb, changed.rgb)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_batch_draws_what_single_steps_draw(threads: int) -> None:
    levels = {name: [*LEVELS[shift:], *LEVELS[:shift]] for shift, name in enumerate("abcdefg")}
    engine = engine_of(grain=0.1, threads=threads)
    single = {name: talk(engine, own) for name, own in levels.items()}
    streams = {name: engine.open(AVATAR) for name in levels}
    for i in range(len(LEVELS)):
        frames = engine.step([Step(streams[name], chunk(levels[name][i], i)) for name in levels])
        for name, frame in zip(levels, frames, strict=True):
            np.testing.assert_array_equal(frame.rgb, single[name][i].rgb)
            assert frame.index == single[name][i].index


@pytest.mark.parametrize("costs", [{1: 1.0, 2: 2.0, 4: 4.0}, {1: 1.0, 2: 1.1, 4: 1.2}])
def test_presenters_in_one_batch_are_drawn_as_each_is_alone(costs: dict[int, float]) -> None:
    steps = {batch: FakeFrameStep(batch, grain=0.1, own=0.3) for batch in costs}
    precompute = precompute_by(FakeEncode(bright_tokens=True), SIZE)
    engine = DiffusionEngine(LevelEncoder(LOOKAHEAD), BatchPlanner(steps, costs), precompute)
    cast = [AVATAR, darker(), AVATAR]
    alone = [talk(engine, LEVELS, engine.open(avatar)) for avatar in cast]
    streams = [engine.open(avatar) for avatar in cast]
    for i, level in enumerate(LEVELS):
        frames = engine.step([Step(stream, chunk(level, i)) for stream in streams])
        for frame, own in zip(frames, alone, strict=True):
            np.testing.assert_array_equal(frame.rgb, own[i].rgb)


def darker() -> FaceAvatar:
    """Another presenter: darker, and less of its crop is drawn."""
    loop = np.stack(list(AVATAR.loop)) // 2
    loop.setflags(write=False)
    return dataclasses.replace(tiny.avatar(mask=AVATAR.face.mask // 2), loop=loop)


def test_the_network_is_told_of_each_presenter_in_its_own_row() -> None:
    """Or the test before would see nothing."""
    step = FakeFrameStep(2)
    enrol = precompute_by(FakeEncode(bright_tokens=True), SIZE)
    engine = DiffusionEngine(LevelEncoder(0), BatchPlanner({1: FakeFrameStep(), 2: step}, {1: 9.0, 2: 1.0}), enrol)
    engine.step([Step(engine.open(avatar), chunk(1.0, 0)) for avatar in (AVATAR, darker())])
    for name in ("masked", "mask", "anchor"):
        light, dark = step.fed[0][name].reshape(2, -1).mean(axis=1)
        assert light > dark + 0.05


def test_a_batch_is_cut_into_the_sizes_that_there_are() -> None:
    steps = {batch: FakeFrameStep(batch) for batch in (1, 2, 4)}
    engine = DiffusionEngine(LevelEncoder(LOOKAHEAD), linear_cost(steps), precompute_by(FakeEncode(), SIZE))
    streams = [engine.open(AVATAR) for _ in range(7)]
    for i in range(2):
        engine.step([Step(stream, chunk(1.0, i)) for stream in streams])
    assert {batch: step.runs for batch, step in steps.items()} == {4: 1, 2: 1, 1: 1}


def test_where_a_larger_batch_costs_no_more_it_is_filled_up() -> None:
    steps = {batch: FakeFrameStep(batch, grain=0.1) for batch in (1, 2, 4)}
    engine = DiffusionEngine(
        LevelEncoder(LOOKAHEAD), BatchPlanner(steps, {1: 1.0, 2: 1.1, 4: 1.2}), precompute_by(FakeEncode(), SIZE)
    )
    streams = [engine.open(AVATAR) for _ in range(3)]
    frames = [engine.step([Step(stream, chunk(1.0, i)) for stream in streams]) for i in range(2)][-1]
    wanted = talk(engine_of(grain=0.1), [1.0] * 2)[-1]
    assert {batch: step.runs for batch, step in steps.items()} == {4: 1, 2: 0, 1: 0}
    for frame in frames:
        np.testing.assert_array_equal(frame.rgb, wanted.rgb)


def test_sessions_are_repeatable_and_do_not_disturb_each_other() -> None:
    engine = engine_of(grain=0.2)
    first = talk(engine, LEVELS)
    talk(engine, [1.0] * 5)
    for one, other in zip(first, talk(engine, LEVELS), strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)


@pytest.mark.parametrize("kernel", list(Kernel))
def test_reset_closes_the_mouth_and_the_loop_goes_on(kernel: Kernel) -> None:
    engine = engine_of(MethodOptions(noise_sensor=Prior(kernel)), light=0.1, grain=0.3)
    stream = engine.open(AVATAR)
    talk(engine, [1.0] * 30, stream)
    engine.reset(stream)
    for frame in talk(engine, [0.0] * 6, stream, start=30):
        np.testing.assert_array_equal(frame.rgb, AVATAR.loop[(frame.index + LOOKAHEAD) % tiny.FRAMES])


def test_a_quick_frame_asks_no_network_and_shows_the_structure_frame() -> None:
    step = FakeFrameStep(1, light=0.2)
    engine = DiffusionEngine(LevelEncoder(LOOKAHEAD), linear_cost({1: step}), precompute_by(FakeEncode(), SIZE))
    stream, warp = engine.open(AVATAR), WarpEngine(LevelEncoder(LOOKAHEAD))
    wanted = talk(warp, [1.0] * 4)
    for i, quick in enumerate([False, False, False, True]):
        frame = engine.step([Step(stream, chunk(1.0, i), effort(quick))])[0]
        assert frame.degraded == quick
    assert step.runs == 2
    after = engine.step([Step(stream, chunk(1.0, 4))])[0]
    assert not after.degraded
    assert step.runs == 3
    fresh = engine.open(AVATAR)
    for i, plain in enumerate(wanted):
        frame = engine.step([Step(fresh, chunk(1.0, i), effort(True))])[0]
        np.testing.assert_array_equal(frame.rgb, plain.rgb)


def test_in_quick_frames_what_the_network_last_added_stays_and_fades() -> None:
    engine, warp = engine_of(light=0.2), WarpEngine(LevelEncoder(LOOKAHEAD))
    stream = engine.open(AVATAR)
    plain = [frame.rgb.astype(float) for frame in talk(warp, [1.0] * 12)]
    added = []
    for i, wanted in enumerate(plain):
        frame = engine.step([Step(stream, chunk(1.0, i), effort(i > 5))])[0]
        assert frame.degraded == (i > 5)
        added.append(np.abs(frame.rgb - wanted).mean())
    assert added[5] > 0.1
    assert all(0 < later < earlier for earlier, later in itertools.pairwise(added[5:]))


def test_while_the_mouth_is_still_the_network_draws_once() -> None:
    step = FakeFrameStep(1, light=0.1)
    options = MethodOptions(
        noise_sensor=None, reuse_below=30.0
    )  # the tiny presenter's pictures have strong grain, each its own
    engine = DiffusionEngine(
        LevelEncoder(LOOKAHEAD), linear_cost({1: step}), precompute_by(FakeEncode(), SIZE), options
    )
    every = engine_of(PLAIN, light=0.1)
    frames, wanted = talk(engine, [1.0] * 20), talk(every, [1.0] * 20)
    assert step.runs == 1
    assert not any(frame.degraded for frame in frames)
    for one, other in zip(frames, wanted, strict=True):
        assert np.abs(one.rgb.astype(int) - other.rgb).max() <= 2


@pytest.mark.parametrize("kernel", list(Kernel))
def test_what_is_held_is_what_would_be_drawn_whatever_comes_between(kernel: Kernel) -> None:
    """Of a network that adds the same to every picture: near rest, after it, after interruptions, and as lips open."""
    chance, level = np.random.default_rng(2), 0.0
    sensor = Prior(kernel)
    engines = [engine_of(MethodOptions(noise_sensor=sensor, reuse_below=still), light=0.1) for still in (30.0, 0.0)]
    streams = [engine.open(AVATAR) for engine in engines]
    for i in range(150):
        if chance.random() < 0.15:
            level = float(chance.choice([0.0, FULL_BLEND / 3, FULL_BLEND, 0.3, 1.0]))
        if chance.random() < 0.04:
            for engine, stream in zip(engines, streams, strict=True):
                engine.reset(stream)
        held, drawn = (e.step([Step(s, chunk(level, i))])[0] for e, s in zip(engines, streams, strict=True))
        assert held.index == drawn.index
        assert np.abs(held.rgb.astype(int) - drawn.rgb).max() <= 3


def test_a_still_mouth_is_not_degraded_by_quick_effort() -> None:
    options = MethodOptions(noise_sensor=None, reuse_below=30.0)
    steps = {1: FakeFrameStep(1, light=0.1)}
    engine = DiffusionEngine(LevelEncoder(LOOKAHEAD), linear_cost(steps), precompute_by(FakeEncode(), SIZE), options)
    stream = engine.open(AVATAR)
    wanted = talk(engine_of(PLAIN, light=0.1), [1.0] * 8)
    for i, plain in enumerate(wanted):
        frame = engine.step([Step(stream, chunk(1.0, i), effort(i > 4))])[0]
        assert not frame.degraded
        assert np.abs(frame.rgb.astype(int) - plain.rgb).max() <= 2


def test_at_rest_quick_effort_costs_nothing() -> None:
    engine = engine_of()
    stream = engine.open(AVATAR)
    assert not engine.step([Step(stream, chunk(0.0, 0), effort(True))])[0].degraded


@pytest.mark.parametrize("kernel", list(Kernel))
def test_frames_after_chunks_that_were_only_heard_are_of_their_own_audio(kernel: Kernel) -> None:
    """Degraded frames beside them: without the network nothing of the frames before is left."""
    listening, drawing = (
        engine_of(MethodOptions(noise_sensor=Prior(kernel))),
        engine_of(MethodOptions(noise_sensor=Prior(kernel))),
    )
    one, other = listening.open(AVATAR), drawing.open(AVATAR)
    for i, level in enumerate(LEVELS_OF_A_WORD):
        heard = listening.step([Step(one, chunk(level, i), Effort.LISTEN if i in (3, 4, 5) else Effort.QUICK)])[0]
        drawn = drawing.step([Step(other, chunk(level, i), Effort.QUICK)])[0]
        assert heard.index == drawn.index
        assert (heard.picture is None) == (i in (3, 4, 5))
        if heard.picture is not None:
            np.testing.assert_array_equal(heard.rgb, drawn.rgb)


def test_only_the_box_that_a_frame_names_differs_from_the_loop() -> None:
    for frame in talk(engine_of(light=0.2), [0.0, 1.0, 1.0, 0.3, 0.0, 0.0]):
        assert frame.picture is not None
        box = frame.picture.changed
        assert box is not None
        outside = np.ones(frame.rgb.shape[:2], bool)
        outside[box.top : box.top + box.height, box.left : box.left + box.width] = False
        still = AVATAR.loop[(frame.index + LOOKAHEAD) % tiny.FRAMES]
        np.testing.assert_array_equal(frame.rgb[outside], still[outside])


def test_a_gap_is_refused_and_the_stream_does_not_move() -> None:
    engine = engine_of()
    stream = engine.open(AVATAR)
    talk(engine, [1.0] * 2, stream)
    with pytest.raises(ValueError, match="expected chunk 2, not 3: every chunk must be heard"):
        engine.step([Step(stream, chunk(1.0, 3))])
    assert talk(engine, [1.0], stream, start=2)[0].index == 2 - LOOKAHEAD
    engine.reset(stream)
    assert talk(engine, [1.0], stream, start=40)[0].index == 40 - LOOKAHEAD


def test_a_style_that_it_does_not_understand_is_refused() -> None:
    engine = engine_of()
    with pytest.raises(ValueError, match="no style 'mouthSmile'"):
        engine.step([Step(engine.open(AVATAR), chunk(0.0, 0), style=Style({"mouthSmile": 0.5}))])


def fed(options: MethodOptions, name: str) -> NDArray[np.float32]:
    step = FakeFrameStep(1)
    talk(
        DiffusionEngine(LevelEncoder(LOOKAHEAD), linear_cost({1: step}), precompute_by(FakeEncode(), SIZE), options),
        [0.2, 0.8, 0.8, 0.8, 0.4, 0.4],
    )
    return np.stack([feeds[name][0] for feeds in step.fed])


def test_the_structure_controller_leads_opening_and_closing_lips() -> None:
    on = fed(MethodOptions(), "lam")[:, 0]
    assert on[1] > 1.1
    assert on[4] < 0.95
    np.testing.assert_array_equal(fed(PLAIN, "lam"), 1)


def test_the_noise_sensor_s_noise_changes_slowly_and_plain_noise_fast() -> None:
    slow, fast = (np.abs(np.diff(fed(options, "noise"), axis=0)).mean() for options in (MethodOptions(), PLAIN))
    assert slow < 0.3 * fast


def test_the_noise_sensor_calms_a_flickering_network() -> None:
    def flicker(options: MethodOptions) -> float:
        frames = talk(engine_of(options, grain=0.1), [0.6] * 41)[1:]
        shown = np.stack([frame.rgb for frame in frames]).astype(float)[:: tiny.FRAMES]  # the loop's own grain aside
        return float(np.abs(np.diff(shown[2:], axis=0)).mean())

    assert flicker(MethodOptions(noise_sensor=Prior(correlation=0.0))) < flicker(PLAIN)
    assert flicker(MethodOptions()) < 0.5 * flicker(PLAIN)


def test_the_network_is_told_of_the_presenter_what_never_changes() -> None:
    step, encode = FakeFrameStep(1), FakeEncode()
    engine = DiffusionEngine(LevelEncoder(LOOKAHEAD), linear_cost({1: step}), precompute_by(encode, SIZE))
    engine.prepare(AVATAR)
    before = encode.crops
    talk(engine, [1.0] * 6)
    talk(engine, [1.0] * 6)
    assert encode.crops == before == 1  # the loop's four frames share one
    assert {name: feeds.shape[1:] for name, feeds in step.fed[0].items()} == {
        "structure": (3, SIZE, SIZE), "masked": LATENT, "mask": (1, *LATENT[1:]), "anchor": (5, 8), "lam": (1,),
        "noise": LATENT,
    }  # fmt: skip
    np.testing.assert_array_equal(step.fed[0]["anchor"], 1)
    assert step.fed[0]["masked"].min() > -1


def test_a_presenter_that_nobody_holds_is_forgotten() -> None:
    encode = FakeEncode()
    engine = DiffusionEngine(LevelEncoder(LOOKAHEAD), linear_cost({1: FakeFrameStep()}), precompute_by(encode, SIZE))
    engine.prepare(tiny.avatar())
    gc.collect()
    engine.prepare(tiny.avatar())
    assert encode.crops == 2


@pytest.mark.parametrize("engine", [engine_of(), WarpEngine(LevelEncoder(LOOKAHEAD))])
def test_a_session_with_a_prepared_presenter_opens_without_making_its_jaws(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take milliseconds, and sessions are opened on the event loop."""
    engine.prepare(AVATAR)
    monkeypatch.setattr("engines.face.interior._premultiplied", None)
    engine.open(AVATAR)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(FRAME_SAMPLES - 1, np.float32),
        np.zeros((1, FRAME_SAMPLES), np.float32),
        np.zeros(FRAME_SAMPLES, np.float64),
    ],
)
def test_a_wrong_chunk_is_refused_and_no_stream_moves(samples: NDArray[np.float32]) -> None:
    engine = engine_of()
    good = engine.open(AVATAR)
    with pytest.raises(ValueError, match="chunk 7: expected samples"):
        engine.step([Step(good, chunk(1.0, 0)), Step(engine.open(AVATAR), Chunk(samples, 7))])
    np.testing.assert_array_equal(talk(engine, [0.0], good)[0].rgb, AVATAR.loop[0])


def test_a_stream_that_comes_twice_is_refused_and_does_not_move() -> None:
    engine = engine_of()
    stream = engine.open(AVATAR)
    with pytest.raises(ValueError, match="each stream once"):
        engine.step([Step(stream, chunk(1.0, 0)), Step(stream, chunk(1.0, 1))])
    np.testing.assert_array_equal(talk(engine, [0.0], stream)[0].rgb, AVATAR.loop[0])


def test_a_network_that_fails_is_no_refusal() -> None:
    """A ValueError says that no stream has moved, and who steps them again would have them hear the chunk twice."""
    step = FakeFrameStep(1)
    engine = DiffusionEngine(LevelEncoder(LOOKAHEAD), linear_cost({1: step}), precompute_by(FakeEncode(), SIZE))
    stream = engine.open(AVATAR)
    talk(engine, [1.0] * 2, stream)
    step.broken = True
    with pytest.raises(RuntimeError, match="after its streams had heard their chunks: the device is gone") as caught:
        engine.step([Step(stream, chunk(1.0, 2))])
    assert isinstance(caught.value.__cause__, GraphError)


class Deaf(LevelStream):
    def step(self, samples: NDArray[np.float32]) -> LipMotion:
        raise RuntimeError("no ears")


def test_where_one_stream_fails_the_others_are_done_before_that_is_said() -> None:
    """Or they would still be moving while their sessions are told."""
    engine = engine_of(threads=2)
    streams = [engine.open(AVATAR) for _ in range(40)]
    heard = [LevelStream(0) for _ in streams[1:]]  # each opens its mouth at once, so that there is work to do
    for stream, ears in zip(streams, [Deaf(0), *heard], strict=True):
        stream._encoder = ears
    with pytest.raises(RuntimeError, match="no ears"):
        engine.step([Step(stream, chunk(1.0, 0)) for stream in streams])
    assert [len(ears.heard) for ears in heard] == [1] * len(heard)


def test_what_another_engine_made_is_refused() -> None:
    class Stranger:
        name, width, height = "stranger", 8, 8

        def reset(self) -> None: ...

    engine = engine_of()
    with pytest.raises(TypeError, match="load_avatar"):
        engine.open(Stranger())
    with pytest.raises(TypeError, match="this engine opened"):
        engine.step([Step(Stranger(), chunk(0.0, 0))])
    with pytest.raises(ValueError, match="batch of 1"):
        DiffusionEngine(LevelEncoder(LOOKAHEAD), linear_cost({2: FakeFrameStep(2)}), precompute_by(FakeEncode(), SIZE))


def test_a_difference_lies_where_the_crop_lies() -> None:
    drawn = np.full((40, 60, 3), 100, np.uint8)
    difference = np.zeros((8, 8, 3), np.float32)
    difference[2:4, 4:6] = (40, -200, 200)
    placed = add_residual(drawn, difference, np.array([[16.0, 0, 10], [0, 16.0, 20]]))
    np.testing.assert_array_equal(placed[26, 20], [140, 0, 255])  # crop (¼…½, ½…¾) → rows 24…28, columns 18…22
    far = np.ones((40, 60), bool)
    far[22:30, 16:24] = False
    np.testing.assert_array_equal(placed[far], 100)
