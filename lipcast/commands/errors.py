"""What can be wrong with files and names given to a command. Knows nothing of sessions."""

from __future__ import annotations


class CommandError(ValueError):
    """The message names the file or the value, says what was expected and how to fix it."""
