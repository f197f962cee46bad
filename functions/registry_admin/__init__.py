"""The function registry_admin."""
