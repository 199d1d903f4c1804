"""Signed HTTP requests: the house's own scheme SDGW1, and HTTP message signatures (RFC 9421)."""
