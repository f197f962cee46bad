"""Requests and answers of this function, by subject."""
