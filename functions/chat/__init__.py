"""The function chat."""
