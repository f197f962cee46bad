"""Use cases of selection: which model answers a message."""
