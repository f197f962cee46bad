"""Lambda functions: a package each, whose `handler` parses, calls one use case and answers."""
