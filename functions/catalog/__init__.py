"""The function catalog."""
