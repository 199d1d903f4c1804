"""Electronic seals over the OES component interface, carried over HTTP."""
