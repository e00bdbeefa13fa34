"""Structured logs that never show what must stay secret: SDP, ICE passwords, tokens, session ids.

The WebRTC libraries print whole offers at debug level, so they are held at warning whatever is asked for.
"""

from __future__ import annotations

import json
import logging
import re

from streamer.config import LogConfig

SECRET = re.compile(
    r"(?P<word>a=ice-pwd:|a=ice-ufrag:|a=fingerprint:\S+ |/api/sessions/|/api/recordings/|/watch/|rtmps?://[^\s/]+/[^\s/]+/)[^\s\"'\\]+"
    r"|(?P<line>a=candidate:|Authorization:)[^\r\n\"'\\]+",  # of several words
    re.IGNORECASE,
)
# No extras: fields of every record, and uvicorn's second copy of its message with a terminal's colour codes in it.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
COLOURS = re.compile(r"(\x1b|\\u001b)\[[0-9;]*m")  # as they are, and as JSON writes them
NOISY = ("aiortc", "aioice", "av", "libav", "uvicorn.access")


def redact(text: str) -> str:
    """A whole line as it would be written, messages, extras and tracebacks alike, without its secrets and colours."""
    return SECRET.sub(lambda match: (match["word"] or match["line"]) + "•••", COLOURS.sub("", text))


def extras(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in STANDARD}


class TextFormatter(logging.Formatter):
    """time level logger: message key=value …"""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        pairs = " ".join(f"{key}={value}" for key, value in extras(record).items())
        return redact(f"{line} {pairs}" if pairs else line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(fields | extras(record), default=str, ensure_ascii=False))


def configure_logs(config: LogConfig) -> None:
    """Set up the process's logging, once, at start.

    Not by logging.config: it closes the handlers of all libraries, and some of them close a stream that is not theirs.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(
        TextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        if config.format == "text"
        else JsonFormatter()
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.level.upper())
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
