"""Words that this project does not use, and what it says instead: one word for one thing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KINDS = ("*.py", "*.js", "*.html", "*.toml", "*.md")
FOLDERS = ("streamer", "engines", "lipcast", "benchmarks", "scripts", "tests", "docs", "configs")

# By pattern: what to say instead. Case matters for names, which begin with a capital.
WORDS = {
    r"[Cc]rew|[Dd]esk|_seated": "worker pool, assignment, assigned",
    r"[Oo]utlet": "broadcast",
    r"[Mm]eters": "metrics",
    r"[Bb]abble": "synthetic speech",
    r"[Hh]urry": "effort=QUICK",
    r"[Qq]uick (picture|frame|one)s?|the quick way": "degraded frame",
    r"[Mm]end(s|ed|ing)?|MENDS?": "fix",
    r"[Vv]acated?": "slot released",
    r"[Hh]ush": "stop, clear",
    r"Teller|_told": "ProgressPrinter",
    r"by turns": "interleaved, alternately, in turn",
    r"Every place is taken|places are taken": "Server at capacity, slots",
    r"a program's voice a face": "program audio",
    r"[Ll]etting others in": "deployment",
    r"the words are off|[Ww]ords of `?lipcast": "usage error, arguments",
    r"Rhythm|FewSources|Chunker": "SenderClock, BoundedSources, Resampler",
    r"Enroller|typed_graph": "Sd15Precompute, precision",
    r"half a character|lone surrogate, at place": "invalid UTF-8 at offset",
    r"made-up voice|disown": "synthetic voice, invalidate",
    r"[Aa]fter a last look": "say what changed",
}
# Names that code once had; in *.py alone, since they are ordinary words elsewhere.
NAMES = {
    "Pace|_trouble": "LoadControl, _overload",
    "Tail|_deal": "LatencyQuantile, _redistribute",
    "Heard|_held_frames": "PulledAudio, hold until a pause",
    "bought|spares|_came_late": "concealed_debt, surplus, _on_underrun",
    "offer_of": "read_offer",
    "Draft|SecondSize|Plates": "PendingFrame, ResampledStructure, MouthInteriorTextures",
    "Question|Condition|Enrol": "FrameStepInputs, Conditioning, Precompute",
    "Kept|owner_of": "DeviceConstants, base_array",
    "OFTENER|FULLER|RESTS": "VISEME_PRIOR_RATIO, PUCKER_GAIN, SILENCE_FULL",
    "Order|add_engine_words": "RenderJob, add_engine_arguments",
    r"words\.(?:add_argument|parse_args|add_subparsers)|words = argparse": "parser",
    "House|Crowd|Visitors": "ServerHarness, LoadSimulation, BrowserUsers",
    "Moment|Sitter|paint_inside": "FramePose, PortraitRenderer, paint_oral_cavity",
    "Sitting|Stance|CarriedLandmarks": "PhotoSession, HeadPose, WarpedLandmarks",
    "Lesson|Painter|painters": "Objective, Renderer, renderers",
}
# Where a word means what the field means by it, or is somebody else's: file → patterns' keys.
ALLOWED = {
    "engines/speech/weights/README.md": {r"[Bb]abble"},  # noise of many talkers
    "scripts/training/speech": {r"[Bb]abble"},
    "tests/scripts/training/speech": {r"[Bb]abble"},
    "docs/images": set(WORDS),
    "tests/test_words.py": {*WORDS, *NAMES},
}


def pages() -> list[Path]:
    inside = (path for folder in FOLDERS for kind in KINDS for path in (ROOT / folder).rglob(kind))
    own = [path for path in inside if "node_modules" not in path.parts]
    return sorted([*own, *ROOT.glob("*.md")])


def allowed(path: Path, pattern: str) -> bool:
    name = path.relative_to(ROOT).as_posix()
    return any(name.startswith(place) and pattern in patterns for place, patterns in ALLOWED.items())


def uses(pattern: str, paths: list[Path], instead: str) -> list[str]:
    word = re.compile(rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])")
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]!r}; say: {instead}"
        for path in paths
        if not allowed(path, pattern)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if word.search(line)
    ]


@pytest.mark.parametrize("pattern", WORDS)
def test_a_private_word_is_not_used(pattern: str) -> None:
    assert uses(pattern, pages(), WORDS[pattern]) == []


@pytest.mark.parametrize("pattern", NAMES)
def test_a_name_that_was_replaced_does_not_come_back(pattern: str) -> None:
    assert uses(pattern, [path for path in pages() if path.suffix == ".py"], NAMES[pattern]) == []


def test_the_check_finds_a_word() -> None:
    own = Path(__file__)
    assert not allowed(ROOT / "README.md", "any")
    assert uses("ServerHarness", [own], "another")[0].startswith("tests/test_words.py:")
    assert len(pages()) > 300
