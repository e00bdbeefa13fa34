"""From a user's picture or clip to an avatar's parts. Knows nothing of sound, of engines and of avatar folders."""
