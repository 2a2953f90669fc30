"""The three commands that such a project has of its own."""
