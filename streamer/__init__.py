"""The wire, the clock and the session. The streamer knows time and knows no tensors."""
