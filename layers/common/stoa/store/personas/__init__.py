"""SQL of personas: personas and what they know."""
