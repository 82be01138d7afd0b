"""Removes a share of the events, and of all that is derived from them, while others come in (docs/decisions/0022)."""
