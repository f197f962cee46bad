"""The function sweep."""
