"""One presenter's session: its clockwork and its playout."""
