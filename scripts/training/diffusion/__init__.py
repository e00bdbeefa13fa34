"""Trains the embedded model from nothing and writes its pack. Knows no server."""
