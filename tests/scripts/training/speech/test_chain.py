"""From a dozen sentences to a lip encoder that runs: the whole chain in miniature."""

from __future__ import annotations

import ctypes.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from engines.speech.lips import motions
from engines.speech.trained import load_trained
from scripts.training.speech.dataset import KINDS, Work, plan, write
from scripts.training.speech.utterance import PERSON, Utterance, load, save

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")
pytest.importorskip("onnx", reason="export needs onnx: pip install -e .[train]")
if ctypes.util.find_library("espeak-ng") is None:
    pytest.skip("the corpus needs espeak-ng: apt-get install espeak-ng", allow_module_level=True)

from scripts.training.speech.batches import CHUNKS, KIND_SHARES, TUCK_SHARE, Clips, Cut  # noqa: E402
from scripts.training.speech.espeak import Espeak  # noqa: E402
from scripts.training.speech.export import build, export, parity  # noqa: E402
from scripts.training.speech.export import load as load_network  # noqa: E402
from scripts.training.speech.network import LipNetwork  # noqa: E402
from scripts.training.speech.texts import Writer  # noqa: E402
from scripts.training.speech.train import Run, evaluate, train  # noqa: E402
from scripts.training.speech.voices import own_variant  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def utterances() -> list[Utterance]:
    writer, speaker = Writer(0), Espeak({"own0": own_variant(0)})
    try:
        voices = ("en-us", "en+own0", "de+f2", "it+klatt2")
        return [speaker.say(writer.command(), voices[i % 4], 160, 50, 50) for i in range(12)]
    finally:
        speaker.close()


@pytest.fixture(scope="module")
def dataset(utterances: list[Utterance], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lips")
    save(folder / "shard000.npz", utterances)
    write(Work(folder / "shard000.npz", folder, 0))
    (folder / "shard000.npz").rename(folder / "corpus")
    return folder


def new_run() -> Run:
    torch.manual_seed(0)
    network = LipNetwork()
    return Run(network, torch.optim.AdamW(network.parameters(), 1e-3))


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    torch.set_num_threads(1)
    run = new_run()
    train(Clips(dataset), run, tmp_path_factory.mktemp("run") / "lips.pt", steps=3, batch_size=4)
    return run


def test_utterances_have_sound_and_phones(utterances: list[Utterance]) -> None:
    for utterance in utterances:
        assert utterance.samples.std() > 0.01
        times = [(s.start, s.release, s.end) for s in utterance.segments]
        assert times == sorted(times)
        assert len(utterance.segments) > 5
        assert utterance.segments[-1].end == pytest.approx(len(utterance.samples) / 16_000, abs=0.1)


def test_shards_keep_what_was_saved(utterances: list[Utterance], tmp_path: Path) -> None:
    save(tmp_path / "shard000.npz", utterances[:2])
    again = list(load(tmp_path / "shard000.npz"))
    np.testing.assert_allclose(again[1].samples, utterances[1].samples, atol=1e-4)
    assert [s.phone for s in again[1].segments] == [s.phone for s in utterances[1].segments]


def test_batches_are_cut_from_within_their_clips(dataset: Path) -> None:
    batch = Clips(dataset).batch(16, np.random.default_rng(0))
    assert batch.features.shape == (16, CHUNKS, 168)
    assert batch.coefficients.shape == (16, CHUNKS, 14)
    assert torch.isfinite(batch.features).all()


def test_training_goes_on_from_a_checkpoint(dataset: Path, trained: Run, tmp_path: Path) -> None:
    clips, checkpoint = Clips(dataset), tmp_path / "lips.pt"
    trained.save(checkpoint)
    resumed = new_run()
    resumed.resume(checkpoint)
    train(clips, resumed, checkpoint, steps=4, batch_size=4)
    assert resumed.step == 4
    assert not torch.equal(resumed.network.narrow.bias, trained.network.narrow.bias)


def test_the_mean_of_the_last_weights_is_exported(dataset: Path, tmp_path: Path) -> None:
    checkpoint, run = tmp_path / "lips.pt", new_run()
    train(Clips(dataset), run, checkpoint, steps=3, batch_size=4)
    exported = load_network(checkpoint).narrow.bias
    torch.testing.assert_close(exported, run.mean.narrow.bias)
    assert not torch.equal(exported, run.network.narrow.bias)


def test_held_out_clips_are_looked_at_and_not_learnt_from(dataset: Path, utterances: list[Utterance]) -> None:
    corpus, folder = dataset / "corpus-of-people", dataset / "clips-of-people"
    for made in (corpus, folder):
        made.mkdir()
    save(corpus / "people-vctk.npz", [Utterance(u.samples, u.segments, PERSON, "vctk-p225") for u in utterances])
    for work in plan(corpus, folder, {"shard": 1, "people": 1, "lips": 1}):
        write(work)
    held = Clips(folder, "held-people*.npz")
    assert len(held.features) >= 1
    assert not list(folder.glob("people-vctk-pass*"))
    assert evaluate(LipNetwork().eval(), held.all()).startswith("opening ")


def test_fewer_recordings_are_heard_more_often_than_that(
    dataset: Path, utterances: list[Utterance], tmp_path: Path
) -> None:
    for name, said in (("a", utterances), ("b", utterances[:2])):
        shard = tmp_path / f"people-{name}.npz"
        save(shard, [Utterance(u.samples, u.segments, PERSON, "someone") for u in said])
        write(Work(shard, tmp_path, 0))
        shard.unlink()
    shutil.copy(next(dataset.glob("shard000-pass*")), tmp_path)
    clips = Clips(tmp_path)
    people = clips.kind == KINDS.index("people")
    share = KIND_SHARES["people"] / (KIND_SHARES["people"] + KIND_SHARES["shard"])
    assert clips.share_of(people) == pytest.approx(share * (KIND_SHARES["people"] + KIND_SHARES["shard"]))
    counts = [len(np.load(tmp_path / f"people-{name}-pass0-0.npz")["viseme"]) for name in "ab"]
    little = np.arange(len(people)) >= counts[0]
    little &= np.arange(len(people)) < sum(counts)
    even = counts[1] ** 0.5 / (counts[0] ** 0.5 + counts[1] ** 0.5)
    assert counts[1] / sum(counts) < even
    assert clips.share_of(little) > 0.99 * KIND_SHARES["people"] * (1 - TUCK_SHARE) * even


def test_a_cut_shows_the_lips_of_a_moment_before_the_end_of_each_chunk() -> None:
    cut = Cut(np.array([0, 100]), np.array([1.0, 1.1]), np.array([0, 4]), chunks=5)
    np.testing.assert_array_equal(cut.heard()[0], np.arange(20))
    np.testing.assert_array_equal(cut.shown()[0], [2, 6, 10, 14, 18])
    assert cut.heard()[1, 0] == 100
    assert cut.heard()[1, -1] == 100 + int(1.1 * 19)
    # 80 ms and 20 ms before chunks end
    np.testing.assert_array_equal(cut.shown()[1], [-1, -1, 102, 106, 111])


def test_onnx_runtime_agrees_with_torch(trained: Run) -> None:
    assert parity(trained.network, build(trained.network), chunks=20) < 1e-4


def test_onnx_runtime_agrees_with_torch_where_every_weight_counts() -> None:
    torch.manual_seed(1)
    network = LipNetwork().eval()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, 0, 0.08)
    assert parity(network, build(network), chunks=20) < 1e-4


def test_network_has_at_most_a_million_parameters() -> None:
    assert sum(p.numel() for p in LipNetwork().parameters()) <= 1_000_000


@pytest.mark.parametrize("lookahead", [0, 60, 80])
def test_exported_weights_serve(trained: Run, utterances: list[Utterance], tmp_path: Path, lookahead: int) -> None:
    export(trained.network, tmp_path / "lips.onnx")
    rows = motions(load_trained(lookahead, tmp_path / "lips.onnx"), utterances[0].samples[:16_000])
    assert len(rows) == 25
    assert all(np.isfinite(row.coefficients).all() for row in rows)


def test_network_is_causal() -> None:
    network = LipNetwork().eval()
    features = torch.randn(1, 12, 168)
    changed = features.clone()
    changed[:, 8:] = 0
    delay = torch.tensor([0])
    with torch.no_grad():
        heard, other = (network(x, delay)[0] for x in (features, changed))
    torch.testing.assert_close(heard[:, :8], other[:, :8])
    assert not torch.equal(heard[:, 8], other[:, 8])
