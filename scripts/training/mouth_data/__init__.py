"""Mouths by the thousand for training: random people talking, drawn fast. Knows no network."""
