"""The pure core: profile, reducers, timers, scenarios, policy, copy. No clock, no network, no randomness."""
