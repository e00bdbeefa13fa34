"""What the benchmarks share: a test sound, clients, a lossy path, and how traces become numbers."""
