"""``nudge demo``: the real pipeline on this machine, with simulated shoppers to watch."""
