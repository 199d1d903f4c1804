"""OFD documents (GB/T 33190): container, writer, reader and layout."""
