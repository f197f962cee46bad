"""Lambda's runtime loop for functions that stream."""
