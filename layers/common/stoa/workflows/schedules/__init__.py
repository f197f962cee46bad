"""A member's scheduled prompts: made, changed, paused, run by hand, and looked back on."""
