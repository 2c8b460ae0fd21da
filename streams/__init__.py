"""The Faust shell: app, batch transport, profile store, transactions, clock, catalogue agent."""
