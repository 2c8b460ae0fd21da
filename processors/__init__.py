"""The pure core: profile, reducers, timers, scenarios, policy, copy.

No clock, no network, no randomness: the same inputs in the same order give the same bytes.
"""
