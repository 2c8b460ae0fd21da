"""``nudge replay``: recorded input judged by the rules as live, nothing sent."""
