"""What every process needs and no rule depends on: settings, logs, health, metrics."""
