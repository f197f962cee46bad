"""The function scheduled_prompts."""
