"""Use cases of operations: the work that keeps an installation going."""
