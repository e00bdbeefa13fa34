"""The diffusion engine: the Structurist's picture, finished by a few steps of an image-prompted inpainting network."""
