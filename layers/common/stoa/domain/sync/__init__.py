"""Rules of sync: the price feeds, and what they propose."""
