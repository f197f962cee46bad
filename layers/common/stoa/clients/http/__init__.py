"""HTTP to the outside: connections, exchanges, server-sent events, and webhooks out."""
