"""Rules of providers: providers, their health and their keys."""
