"""Use cases of members: what belongs to one member."""
