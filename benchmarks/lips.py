"""How right are the lips? Table for people, then one line of JSON. Knows no pictures.

Usage: python -m benchmarks.lips [--real FOLDER [--picture FILE]] [--speech FOLDER] [--corpus FOLDER] [--clips 240]
    [--weights FILE] [--json FILE]

--real: recordings of people with their lips as measured, grid, fluent and mandarin (scripts.training.speech.real_lips).
--picture: writes a PNG of predicted over measured opening.
--speech: recordings with phone times (*.wav and *.phone.json, as published with pocketsphinx).
--corpus: a folder written by scripts.training.speech.corpus and recordings; its held-out voices, synthesiser and people
    are the truth by labels, its lips-*.npz say where p b m are in the recordings of --real.
"""

from __future__ import annotations

import argparse
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.lip_events import (
    ROW,
    Count,
    PhoneEvent,
    best_lag,
    closures,
    correlation,
    events_of,
    read_events,
    rise,
    rounded_rows,
    roundings,
    track,
    tucked_rows,
    tucks,
)
from benchmarks.measuring import real_lips
from benchmarks.measuring.audio_signal import VOWEL_S, make_test_audio
from benchmarks.measuring.lip_drawing import save_drawing
from benchmarks.measuring.music import voiceless
from benchmarks.measuring.report import publish, surroundings
from engines.motion import LipMotion
from engines.speech.lips import motions
from engines.speech.mouth import canonical_mouth
from engines.speech.trained import DELAY_STEP_MS, LARGEST_DELAY_MS, WEIGHTS, TrainedEncoder, load_trained
from scripts.training.speech import acoustics
from scripts.training.speech.clips import Clip, plain_clip
from scripts.training.speech.coefficients import coefficients
from scripts.training.speech.curves import RATE, articulate, loudness_effort
from scripts.training.speech.phones import parse_set
from scripts.training.speech.segments import split
from scripts.training.speech.utterance import Utterance, load
from scripts.training.speech.voices import HELD_OUT_SYNTHESISERS, is_held_out_voice

Samples = NDArray[np.float32]
Results = dict[str, float | int | str | dict[str, float]]

BARS = {
    "closures_found": "≥ 0.9",
    "closures_false": "≤ 0.1",
    "tuck_f1": "≥ 0.8",
    "rounding_f1": "≥ 0.8",
    "onset_lag_ms": "-70 to 20",
    "opening_in_silence": "≤ 0.05",
    "opening_in_white_noise": "≤ 0.05",
    "opening_in_keyboard_clicks": "≤ 0.05",
    "open_in_voiceless_sound": "≤ 0.05 on the mean",
    "opening_over_music_10_db": "0.9 to 1.1",
    "cpu_ms_per_chunk": "≤ 2",
    "core_share": "≤ 0.03",
}
DEFAULT_LOOKAHEAD = 80  # ms
SAID_IN_A_CLIP = 2  # utterances
OPEN = 0.02  # aperture above which a mouth that should rest is seen to be open
FULL_OPENING = 0.14  # aperture of a wide vowel: the range that silence is measured against


def read_wave(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        if file.getframerate() != 16_000 or file.getnchannels() != 1:
            raise ValueError(f"{path}: expected 16 kHz mono, got {file.getframerate()} Hz × {file.getnchannels()}")
        return np.frombuffer(file.readframes(file.getnframes()), np.int16) * np.float32(1 / 32768)


class Gestures:
    """What lips did in all clips so far."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(("closures", "tuck", "rounding", "tuck_rows", "rounding_rows"), Count(0, 0, 0, 0))

    def count(self, rows: list[LipMotion], events: list[PhoneEvent], wanted: NDArray[np.float32]) -> None:
        """wanted: (rows, 14), the true coefficients."""
        found = {
            "closures": closures(rows, events),
            "tuck": tucks(rows, events),
            "rounding": roundings(rows, events),
            "tuck_rows": tucked_rows(rows, wanted),
            "rounding_rows": rounded_rows(rows, wanted),
        }
        for name, count in found.items():
            self._counts[name] += count

    def results(self) -> Results:
        shut = self._counts["closures"]
        found: Results = {"closures_found": shut.recall, "closures_false": 1 - shut.precision}
        return found | {f"{name}_f1": count.f1 for name, count in self._counts.items() if name != "closures"}


def real_speech(folder: Path, encoder: TrainedEncoder) -> Results:
    """Gestures and rule-made opening on real recordings whose phone times are known."""
    seen = Gestures()
    agreement, lags = [], []
    for path in sorted(folder.glob("*.wav")):
        samples, events = read_wave(path), read_events(path.with_suffix(".phone.json"))
        rows = motions(encoder, samples)
        marks = [(s.start, s.end, s.phone.lower()) for s in events]
        segments = split(marks, lambda symbol: parse_set(symbol, "arpabet"), burst_marked=False)
        frames = 4 * len(rows)
        motion = articulate(segments, frames, loudness_effort(samples, frames))
        wanted = coefficients(motion)[2::4]
        seen.count(rows, events, wanted)
        truth = canonical_mouth().measure(wanted)[:, 0].astype(float)
        agreement.append(correlation(track(rows, "aperture"), truth))
        lags.append(best_lag(track(rows, "aperture"), truth))
    return seen.results() | {
        "rule_correlation": float(np.mean(agreement)),
        "rule_best_lag_frames": float(np.mean(lags)),
    }


def held_out(corpus: Path, clips: int) -> dict[str, list[Clip]]:
    """Clips of held-out voices of known synthesisers, of the held-out synthesiser, and of held-out people."""
    groups: dict[str, list[Utterance]] = {"voices": [], "synthesiser": []}
    for path in sorted(corpus.glob("shard[0-9][0-9][0-9].npz")):
        for utterance in load(path):
            if utterance.synthesiser in HELD_OUT_SYNTHESISERS:
                groups["synthesiser"].append(utterance)
            elif is_held_out_voice(utterance.voice):
                groups["voices"].append(utterance)
        if min(len(group) for group in groups.values()) >= 2 * clips:
            break
    if people := list(_held_out_people(corpus)):
        groups["people"] = people
    return {name: _clips(group, SAID_IN_A_CLIP)[:clips] for name, group in groups.items()}


def _held_out_people(corpus: Path) -> Iterator[Utterance]:
    """Those whose phones are known. With measured lips (lips-*.npz) benchmarks.measuring.real_lips has the truth."""
    for path in sorted(corpus.glob("people-*.npz")):
        yield from (u for u in load(path) if u.segments and not u.lips and is_held_out_voice(u.voice))


def _clips(utterances: list[Utterance], said: int) -> list[Clip]:
    """One after the other, said at a time; what is left over at the end is left out."""
    return [plain_clip(utterances[i : i + said]) for i in range(0, len(utterances) - said + 1, said)]


def agreement(
    encoder: TrainedEncoder, clips: list[Clip], spoil: Callable[[Samples], Samples] | None = None
) -> tuple[float, float]:
    """Mean correlation of predicted and true opening at lag 0, and the mean best lag in frames."""
    values, lags = [], []
    for clip in clips:
        rows = motions(encoder, spoil(clip.samples) if spoil else clip.samples)
        truth = canonical_mouth().measure(clip.labels.coefficients)[2::4, 0].astype(float)
        values.append(correlation(track(rows, "aperture"), truth))
        lags.append(best_lag(track(rows, "aperture"), truth))
    return float(np.mean(values)), float(np.mean(lags))


def gestures(encoder: TrainedEncoder, clips: list[Clip], prefix: str) -> Results:
    """Closures, tucks and rounding on speech whose phone times the corpus knows, of which there is more."""
    seen = Gestures()
    for clip in clips:
        seen.count(motions(encoder, clip.samples), events_of(clip.labels.viseme, RATE), clip.labels.coefficients[2::4])
    return {f"{prefix}_{name}": value for name, value in seen.results().items()}


def noisy(samples: Samples) -> Samples:
    """White noise 10 dB under the speech."""
    level = np.sqrt(np.mean(samples[np.abs(samples) > 0.003] ** 2))
    noise = np.random.default_rng(0).standard_normal(len(samples))
    mixed: Samples = (samples + level * 10 ** (-10 / 20) * noise).astype(np.float32)
    return mixed


def synthetic(corpus: Path, clips: int, weights: Path) -> Results:
    groups = held_out(corpus, clips)
    encoder = load_trained(DEFAULT_LOOKAHEAD, weights)
    known, lag = agreement(encoder, groups["voices"])
    new, _ = agreement(encoder, groups["synthesiser"])
    steps = range(0, LARGEST_DELAY_MS + 1, DELAY_STEP_MS)
    measured: Results = {
        "held_out_voices": known,
        "held_out_synthesiser": new,
        "held_out_best_lag_frames": lag,
        "noise_10_db": agreement(encoder, groups["voices"], noisy)[0],
        "telephone": agreement(encoder, groups["voices"], acoustics.telephone)[0],
        "opus_16_kbit": agreement(encoder, groups["voices"], acoustics.opus)[0],
        "by_lookahead_ms": {str(ms): agreement(load_trained(ms, weights), groups["voices"])[0] for ms in steps},
    }
    measured |= gestures(encoder, groups["voices"], "held_out")
    measured |= gestures(encoder, groups["synthesiser"], "held_out_synthesiser")
    if people := groups.get("people"):
        measured["held_out_people"] = agreement(encoder, people)[0]
        measured |= gestures(encoder, people, "held_out_people")
    return measured


def quiet(encoder: TrainedEncoder) -> Results:
    """Largest opening, in shares of a wide vowel's, on ten seconds of what is not speech."""
    draw = np.random.default_rng(1)
    n = 160_000
    signals = {
        "silence": np.zeros(n, np.float32),
        "white_noise": (0.03 * draw.standard_normal(n)).astype(np.float32),
        "keyboard_clicks": (0.1 * acoustics.clicks(n, draw)).astype(np.float32),
        "breath": np.tile((0.01 * acoustics.breath(16_000, draw)).astype(np.float32), 10),
    }
    return {
        f"opening_in_{name}": float(track(motions(encoder, x), "aperture").max() / FULL_OPENING)
        for name, x in signals.items()
    }


def voiceless_sound(encoder: TrainedEncoder) -> Results:
    """Share of frames that are open on music, ringing, sirens and machines, by kind and on the mean."""
    shares = {name: float((track(motions(encoder, x), "aperture") > OPEN).mean()) for name, x in voiceless().items()}
    return {"open_by_sound": shares, "open_in_voiceless_sound": float(np.mean(list(shares.values())))}


def over_music(folder: Path, encoder: TrainedEncoder) -> Results:
    """Mean opening on real recordings with music 10 dB under them, as a share of that without."""
    music, paths = list(voiceless().values()), sorted(folder.glob("*.wav"))
    alone, mixed = [], []
    for i, path in enumerate(paths):
        samples, played = read_wave(path), np.resize(music[i % len(music)][8000:], len(read_wave(path)))
        level = np.sqrt(np.mean(samples[np.abs(samples) > 0.003] ** 2) / np.mean(played**2)) * 10 ** (-10 / 20)
        alone.append(track(motions(encoder, samples), "aperture"))
        mixed.append(track(motions(encoder, (samples + level * played).astype(np.float32)), "aperture"))
    return {"opening_over_music_10_db": float(np.concatenate(mixed).mean() / np.concatenate(alone).mean())}


def onset(encoder: TrainedEncoder) -> Results:
    """When the opening at a vowel after silence has half of its height, less when the vowel has half its level.

    Milliseconds; negative: the lips lead. A motion counts at the middle of its frame. The sound and its places
    within a frame are those of benchmarks.latency.
    """
    audio = make_test_audio(20.0)
    lags: list[float] = []
    for phase in range(0, 40, 8):  # ms
        rows = motions(encoder, np.ascontiguousarray(audio.samples[48 * phase :: 3]))
        times: NDArray[np.float64] = ROW * (np.arange(len(rows), dtype=np.float64) + 0.5) + phase / 1000
        lags += [1000 * (rise(times, track(rows, "aperture"), at, VOWEL_S) - at) for at in audio.onsets]
    return {"onset_lag_ms": float(np.mean(lags)), "onset_lag_ms_p95": float(np.percentile(lags, 95))}


def cost(encoder: TrainedEncoder, chunks: int = 1000) -> Results:
    """Processor time of one chunk, one thread."""
    audio = (0.1 * np.random.default_rng(0).standard_normal((chunks, 640))).astype(np.float32)
    stream = encoder.open()
    for chunk in audio[:50]:
        stream.step(chunk)
    began, laps = time.process_time(), []
    for chunk in audio:
        lap = time.perf_counter()
        stream.step(chunk)
        laps.append(time.perf_counter() - lap)
    mean = 1000 * (time.process_time() - began) / chunks
    return {"cpu_ms_per_chunk": mean, "chunk_ms_p95": 1000 * float(np.percentile(laps, 95)), "core_share": mean / 40}


def table(results: Results) -> list[tuple[str, str, str]]:
    """Every value, with its bar where it has one."""
    rows = []
    for name, value in results.items():
        if isinstance(value, dict):
            text = "  ".join(f"{key}: {v:.3f}" for key, v in value.items())
        else:
            text = f"{value:.3f}" if isinstance(value, float) else str(value)
        rows.append((name, text, BARS.get(name, "")))
    return rows


def main() -> None:
    args = parse_arguments()
    encoder = load_trained(DEFAULT_LOOKAHEAD, args.weights)
    results: Results = {"lookahead_ms": DEFAULT_LOOKAHEAD}
    real: real_lips.Result = {}
    rows: list[tuple[str, str, str]] = []
    if args.real:
        real, followed = real_lips.measure(args.real, args.weights, DEFAULT_LOOKAHEAD, args.corpus)
        rows = real_lips.table(real)
        if args.picture:
            save_drawing(args.picture, followed)
    if args.speech.is_dir():
        results |= real_speech(args.speech, encoder) | over_music(args.speech, encoder)
    else:
        print(f"{args.speech} does not exist: no sounds are counted on recordings whose phone times are known")
    if args.corpus:
        results |= synthetic(args.corpus, args.clips, args.weights)
    else:
        print("no --corpus: nothing is measured on held-out voices")
    results |= onset(encoder) | quiet(encoder) | voiceless_sound(encoder) | cost(encoder)
    saved = results | ({"real_lips": real} if real else {}) | {"clips": args.clips} | surroundings()
    publish(saved, rows + table(results), args.json)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """
    Raises:
        SystemExit: a folder does not exist, or there is nothing to draw; the message says so.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False, description="how right are the lips?")
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="recordings of people with measured lips")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="PNG of predicted over measured opening (with --real)"
    )
    parser.add_argument(
        "--speech",
        type=Path,
        default=Path("../shared/speech"),
        help="real recordings with phone times (default %(default)s)",
    )
    parser.add_argument("--corpus", type=Path, help="of scripts.training.speech.build, for held-out voices")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="of the lip encoder (default: those that ship)")
    parser.add_argument("--clips", type=int, default=240, help="of each held-out group")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(arguments)
    if args.picture and not args.real:
        parser.error("--picture draws what was measured on real lips: give --real FOLDER, too")
    for name, folder in (("--real", args.real), ("--corpus", args.corpus)):
        if folder and not folder.is_dir():
            parser.error(f"{name}: expected a folder, and {folder} is none")
    return args


if __name__ == "__main__":
    main()
