"""Use cases. A workflow owns its transactions and calls store and clients; workflows never import each other."""
