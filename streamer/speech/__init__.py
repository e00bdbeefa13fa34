"""Text that becomes speech: voices, sentences and the speaker of a session."""
