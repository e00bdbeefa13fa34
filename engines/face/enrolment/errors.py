"""What can be wrong with a user's picture or clip. Knows nothing of how it is enrolled.

EnrolmentError        the message says what was found and how to fix it
├── MediaError        the file: not a picture or clip, damaged, too large, too long
├── LandmarksError    no way to find the face: no landmarker, no model, wrong points
└── PortraitError     the face: none, several, too small, turned away, covered, mouth open
"""

from __future__ import annotations


class EnrolmentError(ValueError):
    """A picture or clip that cannot become an avatar."""


class MediaError(EnrolmentError):
    """The file cannot be used."""


class LandmarksError(EnrolmentError):
    """The face cannot be looked for."""


class PortraitError(EnrolmentError):
    """There is no face that can be used."""
