"""The presenter's face: avatars, the Structurist and the compositor. Knows nothing of sound and nothing of time."""
