"""The push consumer: subscriptions and ledger, encryption, VAPID, sender, retries, results."""
