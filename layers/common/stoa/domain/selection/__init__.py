"""Rules of selection: which model answers a message."""
