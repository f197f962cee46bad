"""The function provider_sync."""
