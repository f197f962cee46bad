"""Stripe: the calls that are made, and the signatures that are checked."""
