"""Benchmarks: each prints a table. Nothing here is a test, and no test is timed."""
