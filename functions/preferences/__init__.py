"""The function preferences."""
