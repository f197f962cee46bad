"""The function migrate."""
