"""The identity behind a request: tokens, members, and the caller that use cases work for."""
