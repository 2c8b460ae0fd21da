"""What ``sdk/`` builds: committed, so that nobody needs Node to run Nudge."""
