"""Mouths by the thousand for training: quick pictures of random people talking. Knows no network."""
