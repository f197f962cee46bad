"""The function schedules."""
