"""Who asks: tokens, members, and the caller that use cases work for."""
