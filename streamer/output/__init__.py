"""Media out: encoded once for each rendition, sent to every receiver."""
