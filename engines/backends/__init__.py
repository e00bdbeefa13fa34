"""Runtimes that compute graphs. Each hides behind one contract, api.Graph."""
