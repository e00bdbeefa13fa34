"""Stable Diffusion 1.5 and IP-Adapter as a pack of the diffusion engine, built of a user's own weights."""
