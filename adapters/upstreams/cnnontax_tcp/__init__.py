"""CNNONTAX 1.0 over TCP, the agency side: non-tax bills and payment confirmations."""
