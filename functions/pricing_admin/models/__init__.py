"""Requests and answers of pricing."""
