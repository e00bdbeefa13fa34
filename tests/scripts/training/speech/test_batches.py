"""Batches: how likely each clip is, what of it is heard, and what is changed of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from engines.motion import VISEMES
from engines.speech.features import FEATURES, MELS
from scripts.training.speech.batches import (
    CHUNKS,
    KIND_SHARES,
    TUCK_SHARE,
    Clips,
    Cut,
    _another_voice,
    _kind,
    _mask,
    _shares,
    _talker,
)
from scripts.training.speech.dataset import KINDS
from scripts.training.speech.labels import ALL

TUCK = VISEMES.index("FF")


def file_of(folder: Path, name: str, clips: int, tucks: float = 0.0) -> None:
    """Clips whose features are their frame's number; tucks: the share of f and v in them."""
    frames = np.broadcast_to(np.arange(800, dtype=np.float16)[None, :, None] / 800, (clips, 800, FEATURES))
    viseme = np.zeros((clips, 800), np.uint8)
    viseme[:, : int(800 * tucks)] = TUCK
    known = np.full((clips, 800), ALL, np.uint8)
    lips = np.zeros((clips, 800, 14), np.float16)
    np.savez(folder / name, features=frames, coefficients=lips, viseme=viseme, known=known)


def kinds(*names: str) -> np.ndarray:
    return np.array([KINDS.index(name) for name in names])


def test_clips_of_a_folder_without_any_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"run scripts\.training\.speech\.dataset first"):
        Clips(tmp_path)


def test_held_out_and_unfinished_files_are_not_trained_on(tmp_path: Path) -> None:
    file_of(tmp_path, "shard000-pass0-0.npz", 3)
    file_of(tmp_path, "held-shard000-pass0-0.npz", 5)
    file_of(tmp_path, "shard001-pass0-0.part.npz", 7)
    assert len(Clips(tmp_path).features) == 3
    assert len(Clips(tmp_path, "held-shard*.npz").features) == 5


def test_without_people_and_tucks_every_clip_is_as_likely() -> None:
    shares = _shares(kinds(*["shard"] * 4), np.zeros(4, int), np.zeros(4))
    np.testing.assert_allclose(shares / shares.sum(), 0.25)


def test_each_kind_has_its_share_and_tucks_are_drawn_more_often() -> None:
    kind = kinds(*["shard"] * 6, "people", "people", "lips")
    tucks = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.1, 0.2])
    shares = _shares(kind, np.array([0] * 6 + [1, 1, 2]), tucks)
    assert shares.sum() == pytest.approx(1)
    for name in KINDS:
        assert shares[kind == KINDS.index(name)].sum() == pytest.approx(KIND_SHARES[name])
    assert shares[5] == pytest.approx(KIND_SHARES["shard"] * (TUCK_SHARE + (1 - TUCK_SHARE) / 6))


def test_a_talker_of_four_times_the_clips_is_heard_twice_as_often() -> None:
    shares = _shares(kinds(*["lips"] * 5), np.array([1] * 4 + [2]), np.ones(5))
    assert shares[:4].sum() / shares[4] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("name", "kind", "talker"),
    [
        ("people-vctk-pass0-0.npz", "people", "people-vctk"),
        ("lips-shirley_2_01-pass11-0.npz", "lips", "lips-shirley"),
        ("held-lips-s30-pass0-0.npz", "lips", "held-lips-s30"),
        ("shard003-pass0-0.npz", "shard", "shard003"),
    ],
)
def test_kinds_and_talkers_are_known_by_the_file_s_name(name: str, kind: str, talker: str) -> None:
    assert _kind(Path(name)) == kind
    assert _talker(Path(name)) == talker


def test_at_another_rate_frames_are_left_out_or_come_twice() -> None:
    fast, slow = (Cut(np.zeros(1, int), np.array([rate]), np.zeros(1, int), chunks=5).heard()[0] for rate in (1.5, 0.5))
    assert np.diff(fast).max() == 2
    assert np.diff(fast).min() == 1
    assert set(np.diff(slow)) == {0, 1}


def test_labels_are_of_what_was_heard_as_long_before_as_asked(tmp_path: Path) -> None:
    file_of(tmp_path, "shard000-pass0-0.npz", 2)
    batch = Clips(tmp_path).all()
    assert batch.features.shape == (2, 199, 4 * FEATURES)
    assert batch.coefficients.shape == (2, 199, 14)
    assert (batch.delay == 4).all()
    assert (batch.viseme[:, :2] == VISEMES.index("sil")).all()


def test_batches_repeat_with_their_seed(tmp_path: Path) -> None:
    file_of(tmp_path, "shard000-pass0-0.npz", 4, tucks=0.1)
    clips = Clips(tmp_path)
    one, again, other = (clips.batch(6, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.features.equal(again.features)
    assert not one.features.equal(other.features)
    assert one.features.shape == (6, CHUNKS, 4 * FEATURES)
    assert one.delay.min() >= 0
    assert one.delay.max() <= 8


def test_another_voice_moves_the_bands_and_nothing_else() -> None:
    features = np.zeros((40, 5, FEATURES), np.float32)
    features[..., 20] = 1.0
    features[..., MELS:] = 0.5
    changed = _another_voice(features.copy(), np.random.default_rng(0))
    np.testing.assert_array_equal(changed[..., MELS:], features[..., MELS:])
    peaks = changed[:, 0, :MELS].argmax(axis=1)
    assert len(set(peaks)) > 2
    assert np.abs(peaks - 20).max() <= 4
    np.testing.assert_allclose(changed[:, 0], changed[:, 4], atol=1e-6)  # the whole clip alike


def test_masks_hide_a_few_bands_and_moments() -> None:
    features = np.ones((30, 200, FEATURES), np.float32)
    _mask(features, np.random.default_rng(0))
    hidden = (features == 0).mean(axis=(1, 2))
    assert 0 < hidden.mean() < 0.2
    assert hidden.max() < 0.25
