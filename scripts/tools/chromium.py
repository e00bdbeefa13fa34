"""Where Chromium is, and how it is started headless with a file for a microphone."""

from __future__ import annotations

from pathlib import Path

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)


def chromium_path() -> str:
    """
    Raises:
        RuntimeError: there is no Chromium; the message says how to get one.
    """
    for path in CHROMIUM:
        if Path(path).exists():
            return path
    raise RuntimeError("no Chromium found in /usr/bin: install Debian's package chromium")
