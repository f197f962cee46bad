"""Use cases of providers: providers, their health and their keys."""
