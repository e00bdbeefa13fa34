"""Builds the lip encoder from nothing: corpus, labels, training, export. Knows no server."""
