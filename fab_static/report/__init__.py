"""Shows: progress and tables in the terminal."""
