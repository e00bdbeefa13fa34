"""The network that finds the lips' landmarks in a mouth's crop, and its training."""
