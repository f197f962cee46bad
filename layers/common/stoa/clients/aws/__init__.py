"""Clients of AWS: mail, storage, queues, keys and secrets."""
