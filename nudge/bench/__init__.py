"""``nudge bench``: how fast, how small, how soon; each figure beside its peer."""
