"""Facts that ship with Stoa: providers, models, personas and modes. Read by `stoa.workflows.load_registry`."""
