"""The function authorizer."""
