"""The demo shop: a small shop beside the visitor's own story. Off unless a setting turns it on."""
