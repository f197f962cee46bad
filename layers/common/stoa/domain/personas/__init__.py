"""Rules of personas: personas and what they know."""
