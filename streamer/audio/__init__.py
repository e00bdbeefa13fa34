"""Audio in: packets or PCM to 48 kHz frames and 16 kHz chunks. Pure: time is an argument."""
