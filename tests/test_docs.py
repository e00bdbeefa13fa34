"""What the documentation names exists: files, links, modules, commands and their options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lipcast.cli import new_parser

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.rglob("scripts/**/*.md")),
]
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
PATH = re.compile(r"`((?:streamer|engines|lipcast|scripts|benchmarks|tests|configs|docs)/[\w./-]+)`")
MODULE = re.compile(r"python -m ((?:benchmarks|scripts|lipcast|tests)[\w.]*)")
COMMAND = re.compile(r"(?:^ {4}|`)(?:\.venv/bin/)?lipcast ([a-z][^`\n#]*)", re.MULTILINE)
per_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@per_page
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@per_page
def test_paths_exist(page: Path) -> None:
    paths = PATH.findall(page.read_text(encoding="utf-8"))
    assert [path for path in paths if not (ROOT / path).exists() and not comes_later(path)] == []


def comes_later(path: str) -> bool:
    return path.startswith(("tests/browser/node_modules", "benchmarks/results/"))


@per_page
def test_modules_that_are_run_exist(page: Path) -> None:
    modules = [
        ROOT / name.rstrip(".").replace(".", "/")
        for name in MODULE.findall(page.read_text(encoding="utf-8"))
        if "NAME" not in name
    ]
    assert [path for path in modules if not path.with_suffix(".py").is_file() and not path.is_dir()] == []


@per_page
def test_commands_and_their_options_exist(page: Path) -> None:
    wrong = [line for line in COMMAND.findall(page.read_text(encoding="utf-8")) if list(unknown_words(line.split()))]
    assert wrong == []


def unknown_words(words: list[str]) -> Iterator[str]:
    """Subcommands and options of a command line that the parser does not know."""
    parser: argparse.ArgumentParser = new_parser()
    if words[0] == "bench":  # its options are each benchmark's own
        return
    while words and (choices := subcommands(parser)):
        if words[0] not in choices:
            yield from [] if words[0].startswith("-") else words[:1]
            return
        parser, words = choices[words[0]], words[1:]
    known = {option for action in parser._actions for option in action.option_strings}
    yield from (word for word in re.findall(r"--[a-z0-9-]+", " ".join(words)) if word not in known)


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}
