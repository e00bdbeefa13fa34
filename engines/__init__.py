"""Sound in, pictures out. An engine knows tensors and knows no time."""
