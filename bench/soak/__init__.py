"""Kills, stops and refuses everything at random while events are sent and sent again, and counts what came of it: `make soak`."""
