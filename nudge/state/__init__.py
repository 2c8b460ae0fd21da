"""The state of a deployment in files, and from files into a deployment that is new."""
