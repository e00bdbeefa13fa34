"""The engine that shows the Structurist's picture itself: no network, any presenter, any CPU."""
