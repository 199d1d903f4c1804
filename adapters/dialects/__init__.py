"""Message codecs that several upstreams, and their simulators, write and read alike.

A dialect knows bytes only: no domain, no kit, no signature. What a message means is worked out
twice, in the adapters and in the simulators, so that a mistake cannot hide on both sides.
"""
