"""What can be wrong with the weights that a pack is to be built of."""

from __future__ import annotations

from engines.errors import FileRefused


class WeightsRefused(FileRefused):
    """A file or folder of weights cannot be used."""


class WeightsMissing(ValueError):
    """Parts are missing: the message lists each, where it was looked for and where it is found."""


class NoRoom(ValueError):
    """There is less memory or disk than building the pack takes."""
