"""Fits the voice gate: speech of people and synthesisers against synthesised music, ringing, alarms and machines.

Usage: python -m scripts.training.speech.voice_gate [--speech FOLDER] [--out FILE]

--speech: folders of FLAC files by source, as of clean public recordings. HELD_OUT are left for tests. Takes minutes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import nn

from engines.speech.features import LogMel, Normaliser
from engines.speech.voice_gate import CHUNK, INPUTS, WEIGHTS, Tonality, pooled
from scripts.training.speech import acoustics
from scripts.training.speech.espeak import Espeak
from scripts.training.speech.music import music
from scripts.training.speech.real_lips import read_audio

Array = NDArray[np.float32]

HELD_OUT = ("vctk", "thorsten", "rhasspy_nathalie", "mls_spanish")
SAYINGS = (
    "The quick brown fox jumps over the lazy dog, and then it sleeps under a tree for the whole afternoon.",
    "Please hold the line. Your call is important to us and will be answered by the next agent.",
    "Wir haben heute viel vor, und morgen fahren wir mit dem Zug nach Hamburg.",
    "One, two, three, four, five, six, seven, eight, nine, ten. Where were we? No, really!",
)
VARIANTS = ("f2", "m3", "m7", "whisper", "croak", "klatt2", "f5", "m1", "whisperf")
LANGUAGES = ("en-us", "de", "fr", "cmn", "es", "ru", "it", "pl", "hi")
SECONDS = 8
FRAMES = SECONDS * 25
CLIPS = 1200
HIDDEN = 32
VOICED_DB = 32  # below the loudest chunk of a clip: down to there a chunk is speech
PAUSE = 8  # chunks: shorter pauses between speech are not judged
SPEECH_WEIGHT = 2.0  # a mouth that rests while somebody speaks is worse than one that moves to music
BATCH, EPOCHS, RATE = 48, 24, 6e-3


def synthetic_speech(draw: np.random.Generator, count: int) -> list[Array]:
    """espeak-ng in several languages and voices; every third of them monotone."""
    speaker = Espeak({})
    said = []
    for i in range(count):
        voice = f"{draw.choice(LANGUAGES)}+{draw.choice(VARIANTS)}"
        pitch_range = 0 if i % 3 == 0 else int(draw.integers(20, 80))
        try:
            spoken = speaker.say(
                str(draw.choice(SAYINGS)), voice, int(draw.integers(120, 220)), int(draw.integers(10, 90)), pitch_range
            )
        except ValueError as error:
            print(f"{voice} is left out: {error}")
            continue
        said.append(spoken.samples)
    speaker.close()
    return said


def joined(clips: list[Array], draw: np.random.Generator) -> Array:
    """Utterances with pauses until SECONDS are full."""
    out = np.zeros(SECONDS * acoustics.RATE, np.float32)
    at = int(draw.uniform(0, 1.5) * acoustics.RATE)
    while at < len(out):
        clip = clips[draw.integers(len(clips))]
        skipped = int(draw.integers(max(len(clip) - 3 * acoustics.RATE, 1)))
        clip = clip[skipped : skipped + int(draw.uniform(1, 6) * acoustics.RATE)][: len(out) - at]
        out[at : at + len(clip)] = clip / (np.abs(clip).max() + 1e-9)
        at += len(clip) + int(draw.choice([0.2, 1.0, 2.5]) * draw.random() * acoustics.RATE)
    return out


def loudness_db(samples: Array) -> Array:
    power = np.square(samples.reshape(-1, CHUNK)).mean(axis=1)
    decibels: Array = (10 * np.log10(power + 1e-12)).astype(np.float32)
    return decibels


def labels(speech: Array, noise: Array) -> tuple[Array, Array]:
    """Voice or not of each chunk, and what it weighs: (FRAMES,) each."""
    level = loudness_db(speech)
    voiced = level > max(level.max() - VOICED_DB, -65)
    heard = loudness_db(noise) > -60
    near = np.convolve(voiced, np.ones(2 * PAUSE + 1), "same") > 0
    weight = np.where(voiced, SPEECH_WEIGHT, np.where(heard & ~near, 1.0, 0.0))
    return voiced.astype(np.float32), weight.astype(np.float32)


def spoilt(x: Array, draw: np.random.Generator) -> Array:
    """Through a room, a colour, a telephone, with a little noise, at any level."""
    if draw.random() < 0.3:
        x = acoustics.reverberate(x, draw)
    if draw.random() < 0.5:
        x = acoustics.equalise(x, draw)
    if draw.random() < 0.15:
        x = acoustics.telephone(x)
    x = x / (np.abs(x).max() + 1e-9)
    if draw.random() < 0.6:
        x = x + np.float32(10 ** draw.uniform(-3.5, -1.8)) * acoustics.noise(len(x), draw)
    y: Array = np.clip(np.float32(10 ** draw.uniform(-1.5, -0.1)) * x, -1, 1).astype(np.float32)
    return y


def example(speech: list[Array], draw: np.random.Generator) -> tuple[Array, Array, Array]:
    """Samples, voice and weight: of speech, music, both at once, or one after the other."""
    n = SECONDS * acoustics.RATE
    kind = draw.choice(["speech", "music", "both", "turns"], p=[0.3, 0.35, 0.25, 0.1])
    said, played = np.zeros(n, np.float32), np.zeros(n, np.float32)
    if kind != "music":
        said = joined(speech, draw)
    if kind != "speech":
        played = music(n, draw)
    if kind == "both":
        played *= np.float32(10 ** (-draw.uniform(0, 26) / 20))
    if kind == "turns":
        cut = int(draw.uniform(2, 6) * acoustics.RATE) // CHUNK * CHUNK
        (said if draw.random() < 0.5 else played)[:cut] = 0
        if said[:cut].any():
            said[cut:] = 0
        else:
            played[cut:] = 0
    if kind == "music" and draw.random() < 0.3:
        played[: int(draw.uniform(0, 3) * acoustics.RATE)] = 0
    voice, weight = labels(said, played)
    return spoilt(said + played, draw), voice, weight


def features(samples: Array) -> Array:
    """(clips, n) samples to (clips, chunks, INPUTS)."""
    mel, normaliser, tonality = (part((len(samples),)) for part in (LogMel, Normaliser, Tonality))
    rows = [
        pooled(normaliser.step(mel.step(chunk)), tonality.step(chunk))
        for chunk in np.split(samples, samples.shape[1] // CHUNK, axis=1)
    ]
    return np.stack(rows, axis=1)


class Gate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.GRU(INPUTS, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.out(self.recurrent(x)[0])[..., 0]
        return logits


def fit(inputs: Array, voice: Array, weight: Array) -> Gate:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the network is too small for more, and sums on one thread can be repeated
    gate = Gate()
    steps = EPOCHS * (len(inputs) // BATCH)
    optimiser = torch.optim.AdamW(gate.parameters(), RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    x, y, w = (torch.from_numpy(a) for a in (inputs, voice, weight))
    draw = torch.Generator().manual_seed(0)
    for epoch in range(EPOCHS):
        total, order = 0.0, torch.randperm(len(x), generator=draw)
        for chosen in order[: len(x) // BATCH * BATCH].reshape(-1, BATCH):
            noisy = x[chosen] + 0.05 * torch.randn(x[chosen].shape, generator=draw)
            error = nn.functional.binary_cross_entropy_with_logits(gate(noisy), y[chosen], reduction="none")
            loss = (error * w[chosen]).sum() / w[chosen].sum()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(gate.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1}: loss {total / (len(x) // BATCH):.4f}", flush=True)
    return gate


def write(gate: Gate, mean: Array, deviation: Array, sources: list[str], path: Path) -> None:
    """Weights with the inputs' scale folded into the first layer, and where they come from."""
    state = {name: value.detach().numpy() for name, value in gate.state_dict().items()}
    into = state["recurrent.weight_ih_l0"] / deviation
    arrays = {
        "input_weight": into,
        "input_bias": state["recurrent.bias_ih_l0"] - into @ mean,
        "state_weight": state["recurrent.weight_hh_l0"],
        "state_bias": state["recurrent.bias_hh_l0"],
        "out_weight": state["out.weight"][0],
        "out_bias": state["out.bias"],
    }
    notes = {
        "made_by": "scripts/training/speech/voice_gate.py",
        "speech": json.dumps(sources),
        "speech_left_out": json.dumps(HELD_OUT),
        "other": "music, alarms and machines of scripts/training/speech/music.py, seed 0",
        "licence": "Apache-2.0",
    }
    save_file({name: np.ascontiguousarray(a, np.float32) for name, a in arrays.items()}, path, notes)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="fit the voice gate")
    parser.add_argument("--speech", type=Path, default=Path("../shared/speech_corpus"))
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--clips", type=int, default=CLIPS)
    args = parser.parse_args()
    folders = [folder for folder in sorted(args.speech.iterdir()) if folder.is_dir() and folder.name not in HELD_OUT]
    draw = np.random.default_rng(0)
    speech = [read_audio(path) for folder in folders for path in sorted(folder.glob("*.flac"))]
    speech += synthetic_speech(draw, len(speech) // 2)
    print(f"{len(speech)} utterances", flush=True)
    parts = []
    for start in range(0, args.clips, 100):
        samples, voice, weight = (np.stack(a) for a in zip(*(example(speech, draw) for _ in range(100)), strict=True))
        parts.append((features(samples), voice, weight))
        print(f"{start + 100} clips", flush=True)
    inputs, voice, weight = (np.concatenate(a) for a in zip(*parts, strict=True))
    mean, deviation = inputs.mean((0, 1)), inputs.std((0, 1)) + 1e-3
    gate = fit((inputs - mean) / deviation, voice, weight)
    write(gate, mean, deviation, [*(folder.name for folder in folders), "espeak-ng"], args.out)


if __name__ == "__main__":
    main()
