"""CNNONTAX 1.0 over HTTP with signed headers, the agency side: the same messages, another road."""
