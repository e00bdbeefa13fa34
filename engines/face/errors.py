"""What can be wrong with an avatar. Knows nothing of how avatars are used."""

from __future__ import annotations

from engines.errors import FileRefused


class AvatarError(FileRefused):
    """An avatar's folder cannot be used."""
