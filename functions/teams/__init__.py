"""The function teams."""
