"""Calling a person: what is worth it, how each service wants to be told, and the sending."""
