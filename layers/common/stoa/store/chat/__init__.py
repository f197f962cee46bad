"""SQL of chat: messages, their answers and their ledger lines."""
