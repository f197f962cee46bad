"""PostgreSQL: connections, transactions with their scope, and a pool."""
