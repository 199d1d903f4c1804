"""What simulators of provincial systems share: their place, their small store, their fault knobs,
their runner.
"""
