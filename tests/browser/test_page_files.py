"""What the page's files name exists, and nothing in them breaks the page's security policy. Knows no browser."""

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "streamer" / "web"
FILES = sorted(path for path in WEB.iterdir() if path.suffix in {".html", ".css", ".js"})
NAMED = re.compile(r'/assets/([\w.-]+)|from "\./([\w.-]+)"')
ICON = re.compile(r'(?:icons\.svg#|iconUrl\("|\bicon\(")([a-z-]+)')


def named_assets(path: Path) -> set[str]:
    return {asset or module for asset, module in NAMED.findall(path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_that_the_page_names_is_there_with_something_in_it(path: Path) -> None:
    missing = {name for name in named_assets(path) if not (WEB / name).is_file() or not (WEB / name).stat().st_size}
    assert missing == set()


def test_every_icon_that_the_page_names_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="([a-z-]+)"', (WEB / "icons.svg").read_text(encoding="utf-8")))
    named = {name for path in FILES for name in ICON.findall(path.read_text(encoding="utf-8"))}
    assert named <= drawn


def test_the_page_has_no_inline_script_or_style_and_asks_no_other_host() -> None:
    page = (WEB / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\bsrc=)", page)
    for path in FILES:
        hosts = re.findall(r"https?://(?!www\.w3\.org)[\w.-]+\.\w+", path.read_text(encoding="utf-8"))
        assert hosts == [], path.name
