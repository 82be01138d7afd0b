"""Answers a person can read, one module for each kind of result."""
