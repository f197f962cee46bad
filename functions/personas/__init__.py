"""The function personas."""
