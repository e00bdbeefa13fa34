"""All sessions of one process: admission, lookup and end."""
