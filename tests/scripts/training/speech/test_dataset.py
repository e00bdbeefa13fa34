"""Clips as files: what is planned, what is held out, what the arrays hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.speech.features import FEATURES, MELS
from scripts.training.speech.clips import FRAMES, plain_clip
from scripts.training.speech.dataset import FILLED, Work, _group, is_for_training, pack, plan, warped, write
from scripts.training.speech.labels import ALL
from scripts.training.speech.utterance import PERSON, Utterance, save
from scripts.training.speech.voices import HELD_OUT_SYNTHESISERS
from tests.scripts.training.speech.utterances import invented, measured

HELD = invented(1.0, "espeak", "en+klatt3")


def corpus(folder: Path, **shards: list[Utterance]) -> Path:
    folder.mkdir()
    for name, utterances in shards.items():
        save(folder / f"{name}.npz", utterances)
    return folder


@pytest.mark.parametrize(
    ("synthesiser", "voice", "trained"),
    [
        ("espeak", "en-us+f2", True),
        ("espeak", "en-us+klatt3", False),
        ("espeak", "sv+f2", False),
        ("festival", "pc_diphone", False),
        (next(iter(HELD_OUT_SYNTHESISERS)), "cmu_us_slt_arctic_hts", False),
        (PERSON, "vctk-p225", False),
        (PERSON, "librispeech-103", True),
        (PERSON, "lips-s30", False),
        (PERSON, "lips-s1", True),
    ],
)
def test_held_out_voices_are_not_trained_on(synthesiser: str, voice: str, trained: bool) -> None:
    assert is_for_training(invented(0.4, synthesiser, voice)) is trained


def test_a_plan_passes_often_over_people_and_takes_held_out_voices_apart(tmp_path: Path) -> None:
    shards = {"shard000": [invented(), HELD], "people-x": [invented(voice="x")], "people-y": [HELD]}
    folder = corpus(tmp_path / "corpus", **shards, **{"lips-s1": [measured(voice="lips-s1")]})
    work = list(plan(folder, tmp_path, {"shard": 1, "people": 2, "lips": 1}))
    names = [w.file(0).name for w in work]
    assert names == [
        "held-people-y-pass0-0.npz",
        "held-shard000-pass0-0.npz",
        "lips-s1-pass0-0.npz",
        "people-x-pass0-0.npz",
        "shard000-pass0-0.npz",
        "people-x-pass1-0.npz",
    ]


def test_groups_fill_a_clip_and_keep_every_utterance() -> None:
    utterances = [invented(1.0) for _ in range(40)]
    groups = _group(utterances, np.random.default_rng(0))
    assert [u for group in groups for u in group] == utterances
    lengths = [sum(len(u.samples) for u in group) / 16_000 for group in groups[:-1]]
    assert min(lengths) >= FILLED[0]
    assert max(lengths) <= FILLED[1] + 1.0


def test_arrays_have_features_and_labels_of_every_10_ms() -> None:
    arrays = pack([plain_clip([invented()]), plain_clip([invented(2.0)])])
    assert arrays["features"].shape == (2, FRAMES, FEATURES)
    assert arrays["features"].dtype == np.float16
    assert arrays["coefficients"].shape[:2] == (2, FRAMES)
    assert arrays["viseme"].shape == (2, FRAMES)
    assert (arrays["known"] == ALL).all()
    assert np.isfinite(arrays["features"].astype(np.float32)).all()


def test_a_factor_of_one_leaves_the_bands_and_others_move_them() -> None:
    bands = np.zeros((3, MELS), np.float32)
    bands[:, 20] = 1.0
    np.testing.assert_allclose(warped(bands, 1.0), bands)
    assert int(warped(bands, 1.25)[0].argmax()) == 16  # 16 · 1.25 = 20
    assert warped(bands, 1.25).max() <= 1.0


def test_writing_a_pass_leaves_whole_files_and_the_same_ones_again(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "corpus", shard000=[invented(1.0, voice=f"v{n}") for n in range(8)])
    arrays = []
    for name in ("one", "two"):
        out = tmp_path / name
        out.mkdir()
        work = Work(folder / "shard000.npz", out, 0)
        assert write(work) >= 1
        assert [path.name for path in out.iterdir()] == [work.file(0).name]
        arrays.append(dict(np.load(work.file(0))))
    for key in ("features", "coefficients", "viseme", "known"):
        np.testing.assert_array_equal(arrays[0][key], arrays[1][key])


def test_a_pass_of_what_is_held_out_has_nothing_else(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "corpus", shard000=[invented()] * 4)
    assert write(Work(folder / "shard000.npz", tmp_path, 0, held=True)) == 0
    assert not list(tmp_path.glob("held-*"))
