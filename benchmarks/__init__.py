"""One question per file, asked from outside through public interfaces. Knows no internals."""
