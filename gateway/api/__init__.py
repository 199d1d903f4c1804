"""The HTTP interface: thin routers, problems and callers."""
