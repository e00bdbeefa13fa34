"""Which session's frame the engine draws when, and at what effort."""
