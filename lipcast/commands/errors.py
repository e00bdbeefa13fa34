"""What can be wrong with files and names given to the offline commands. Knows nothing of sessions."""

from __future__ import annotations


class OfflineError(ValueError):
    """The message names the file or the value, says what was expected and how to mend it."""
