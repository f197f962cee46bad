"""Use cases of personas: personas and what they know."""
