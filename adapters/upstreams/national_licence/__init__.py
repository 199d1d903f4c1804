"""The national licence index and what other provinces hand out through it."""
