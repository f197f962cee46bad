"""The function daily_reset."""
