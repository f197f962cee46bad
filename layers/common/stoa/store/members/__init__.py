"""SQL of members: what belongs to one member."""
