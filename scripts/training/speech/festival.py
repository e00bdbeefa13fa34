"""Speech and phone times from festival, many sentences a run. Knows no lips. Nothing of festival is shipped."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.training.speech.flite import read_wave
from scripts.training.speech.phones import parse_set
from scripts.training.speech.segments import split
from scripts.training.speech.utterance import Utterance, resample

# Voice of a Debian package festvox-*: the set of its phones. Units are cut from real talkers.
VOICES = {
    "kal_diphone": "arpabet",
    "ked_diphone": "arpabet",
    "cmu_us_slt_arctic_hts": "arpabet",
    "lp_diphone": "italian",
    "pc_diphone": "italian",
    "czech_dita": "czech",
    "czech_ph": "czech",
    "czech_machac": "czech",
    "czech_krb": "czech",
    "hy_fi_mv_diphone": "finnish",
    "suo_fi_lj_diphone": "finnish",
    "msu_ru_nsh_clunits": "russian",
    "upc_ca_ona_hts": "catalan",
}

VOICE_FOLDER = Path("/usr/share/festival/voices")
TIMEOUT = 600  # s, of one run
HTS_VOICES = frozenset({"cmu_us_slt_arctic_hts", "upc_ca_ona_hts"})  # spoken by another engine inside festival


def installed_voices() -> list[str]:
    """Those of VOICES that this machine has, in the order of VOICES.

    Raises:
        FileNotFoundError: there is none.
    """
    present = {folder.name for folder in VOICE_FOLDER.glob("*/*")}
    if voices := [voice for voice in VOICES if voice in present]:
        return voices
    raise FileNotFoundError(f"no voice of festival in {VOICE_FOLDER}: install festival and the festvox-* packages")


@dataclass(frozen=True, slots=True)
class Line:
    """What to say, and how slowly (stretch 1 is normal)."""

    text: str
    stretch: float


def say_all(voice: str, lines: Sequence[Line], scratch: Path) -> Iterator[Utterance]:
    """Speak every line in one run of festival; a line that it cannot say is left out. scratch: an empty folder.

    Raises:
        RuntimeError: not one line was spoken.
    """
    script = [f"(voice_{voice})"]
    for i, line in enumerate(lines):
        text = line.text.replace("\\", " ").replace('"', " ")
        script.append(
            f"(unwind-protect (begin (Parameter.set 'Duration_Stretch {line.stretch:.3f})"
            f" (set! u (utt.synth (eval (list 'Utterance 'Text \"{text}\"))))"
            f' (utt.save.wave u "{scratch}/{i}.wav" \'riff) (utt.save.segs u "{scratch}/{i}.lab")))'
        )
    commands = scratch / "say.scm"
    commands.write_text("\n".join(script), encoding="utf-8")
    done = subprocess.run(("festival", "-b", str(commands)), capture_output=True, check=False, timeout=TIMEOUT)
    labels = [label for i in range(len(lines)) if (label := scratch / f"{i}.lab").exists()]
    if not labels:
        raise RuntimeError(f"festival said nothing with voice {voice}: {done.stderr.decode(errors='replace')[-300:]}")
    for label in labels:
        yield _read(label, voice)


def _read(label: Path, voice: str) -> Utterance:
    marks: list[tuple[float, float, str]] = []
    for row in label.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = row.split()
        if len(fields) >= 3:
            marks.append((marks[-1][1] if marks else 0.0, float(fields[0]), fields[2]))
    samples, rate = read_wave(label.with_suffix(".wav"))
    segments = split(marks, lambda symbol: parse_set(symbol, VOICES[voice]), burst_marked=False)
    synthesiser = "hts" if voice in HTS_VOICES else "festival"
    return Utterance(resample(samples, rate), segments, synthesiser, voice)
