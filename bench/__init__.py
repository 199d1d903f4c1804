"""The benchmark: the real server and naive baselines under the same load, on one core each."""
