"""Rules of schedules: prompts that run by themselves."""
