"""The commands of such a project that start programs."""
