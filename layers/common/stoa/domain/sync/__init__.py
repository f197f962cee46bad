"""Rules of sync: the price feeds, and the changes that they propose."""
