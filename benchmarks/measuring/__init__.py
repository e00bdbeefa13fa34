"""What the benchmarks share: a test audio, clients, a lossy path, and how traces become numbers."""
