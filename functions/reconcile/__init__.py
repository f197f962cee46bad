"""The function reconcile."""
