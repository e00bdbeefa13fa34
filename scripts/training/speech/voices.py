"""Which voices speak: espeak-ng's languages, its stock variants and variants of our own. Knows no sentences."""

from __future__ import annotations

import numpy as np

ENGLISH = ("en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-gb-x-gbclan", "en-gb-x-gbcwmd")
OTHERS = (
    "de fr es es-419 it pt pt-br nl pl tr sv da nb fi hu ro cs sk hr id sw ca"
).split()  # written in Latin letters, so that invented words can be read
STOCK_VARIANTS = (
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 Alex Alicia Andrea Andy Annie Denis Diogo Gene Henrique Hugo Jacky Lee "
    "Marco Mario Michael Mike Nguyen adam anika antonio belinda benjamin boris caleb david ed edward gustave iven john "
    "linda marcelo max michel miguel norbert pablo paul pedro quincy rob robert sandro shelby steph travis victor zac "
    "klatt klatt2 klatt3 klatt4 klatt5 klatt6 whisper whisperf croak"
).split()
OWN_VARIANTS = 80

# Never trained on. A whole synthesiser, and voices of those that are.
HELD_OUT_SYNTHESISERS = frozenset({"hts"})
HELD_OUT_VOICES = frozenset({"czech_krb", "suo_fi_lj_diphone", "pc_diphone"})
# People: those whom the voice gate has not heard either, and a part of those with measured lips.
HELD_OUT_PEOPLE = ("vctk-", "thorsten", "nathalie", "mls-")  # how their voices begin
HELD_OUT_LIPS = frozenset({"lips-s30", "lips-s32", "lips-s33", "lips-s5", "lips-shirley_3_15", "lips-barack-obama"})
HELD_OUT_VARIANTS = frozenset({"klatt3", "f5", "m8", "Mike", "linda", "own7", "own23", "own41"})
HELD_OUT_LANGUAGES = frozenset({"sv", "ro"})


def is_held_out_voice(voice: str) -> bool:
    """Whether a voice of a known synthesiser is for testing only."""
    language, _, variant = voice.partition("+")
    return (
        voice in HELD_OUT_VOICES
        or voice in HELD_OUT_LIPS
        or voice.startswith(HELD_OUT_PEOPLE)
        or variant in HELD_OUT_VARIANTS
        or language in HELD_OUT_LANGUAGES
    )


def own_variant(number: int) -> str:
    """An espeak-ng voice variant: another length of the vocal tract, formants, pitch and manner of the voice."""
    draw = np.random.default_rng([20, number])
    tract = draw.uniform(0.84, 1.22)
    pitch = 95 / tract**2 * draw.uniform(0.75, 1.5)
    lines = ["language variant", f"name own{number}", f"pitch {pitch:.0f} {pitch * draw.uniform(1.2, 1.7):.0f}"]
    for formant in range(9):
        shift = 100 / tract * draw.uniform(0.95, 1.05)
        strength, width = draw.uniform(70, 130), draw.uniform(75, 140)
        lines.append(f"formant {formant} {shift:.0f} {strength:.0f} {width:.0f}")
    lines.append(f"flutter {draw.integers(0, 9)}")
    lines.append(f"roughness {draw.integers(0, 4)}")
    lines.append(f"voicing {draw.integers(70, 130)}")
    lines.append(f"consonants {draw.integers(60, 140)} {draw.integers(60, 140)}")
    if draw.random() < 0.4:
        lines.append("breath " + " ".join(str(int(b)) for b in draw.uniform(0, 40, 8)))
    if draw.random() < 0.3:
        lines.append(f"klatt {draw.integers(1, 5)}")
    return "\n".join(lines) + "\n"
