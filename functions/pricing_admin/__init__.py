"""The function pricing_admin."""
