"""Use cases. A workflow owns its transactions and calls the store and the clients; workflows never import each other."""
