"""HTTP: event collector, subscriptions, interactions, SDK, demo shop."""
