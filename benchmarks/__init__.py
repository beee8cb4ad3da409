"""Benchmarks: what brianff does against what its users would run instead, as ratios measured on one machine."""
