"""Modules that every room may import: errors, ids, settings, logs, and forms of text."""
