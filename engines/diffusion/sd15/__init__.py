"""Stable Diffusion 1.5 and IP-Adapter as a pack of the diffusion engine: read from a user's own weights, never shipped."""
