"""Clients of the world outside: provider wires, and later Stripe, mail, feeds and storage."""
