"""Rendered heads: the model, its looks and its pictures. Knows nothing of sound and nothing of streams."""
