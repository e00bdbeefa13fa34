"""Waveform to lip motion: features, the lip encoder, its trained weights. Knows no frames and no transport."""
