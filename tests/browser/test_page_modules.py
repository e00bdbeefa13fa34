"""The page's modules that need no page (states, back-off, figures, words), by Node's own test runner."""

import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "streamer" / "web"
TESTS = Path(__file__).with_name("page_modules.test.mjs")


def test_modules_of_the_page(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js, version 18 or later (the program `node`)")
    # Node takes .js files for ES modules only beside a package.json that says so; the page needs no such file.
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for module in [*WEB.glob("*.js"), TESTS]:
        shutil.copy(module, tmp_path)
    finished = subprocess.run([node, "--test"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
