"""Tasks: fab <environment> <task>. Environments are the files of inventories/."""

from fab_static import namespace

__all__ = ["namespace"]
