"""The front door: command line, local stack, demo, replay, explain, bench."""
