"""What is held about one person, wherever it stands, and how it is forgotten."""
