"""SQL, one file a noun. Every function takes the connection first and never commits."""
