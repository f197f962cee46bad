"""The function checkout."""
