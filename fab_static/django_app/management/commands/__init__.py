"""The phases that run inside the project, as management commands; their work is done one folder up."""
