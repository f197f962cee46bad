"""Stoa's shared layer: the rules, workflows, SQL and clients behind every function."""

__version__ = "0.1.0"
