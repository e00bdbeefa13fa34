"""Rendered heads: the model, its appearances and its images. Knows nothing of sound and nothing of streams."""
