"""The adapter kit: manifest, registry, client, resilience, checks, conformance, scaffold,
telemetry.
"""
