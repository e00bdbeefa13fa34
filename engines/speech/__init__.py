"""Waveform to lip motion: features, the lip encoder, its trained weights. Knows no pictures and no wire."""
