"""Wire contracts: events, products, jobs, decisions, results, subscriptions; the topic registry."""
