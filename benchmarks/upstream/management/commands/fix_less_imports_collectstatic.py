"""Replaces what stands before a path in the source tree by what must stand there in the static root."""

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management.base import BaseCommand

# ../../../../node_modules/… and ../../../../shop/static/…: up to the checkout, and down again
UP_AND_DOWN = re.compile(r"(?P<up>(?:\.\./)+)(?:node_modules/|(?:\w+/)+?static/)")


class Command(BaseCommand):
    """Rewrite the static root's LESS files in place."""

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Make each path as much shorter as its file has moved up."""
        root = Path(settings.STATIC_ROOT)
        for file in root.rglob("*.less"):
            name = file.relative_to(root)
            source = Path(str(finders.find(str(name)))).relative_to(settings.BASE_DIR)
            moved_up = len(source.parts) - len(name.parts)

            def shorter(found: re.Match[str], moved_up: int = moved_up) -> str:
                return found["up"][3 * moved_up :]

            text = file.read_bytes().decode("latin-1")  # not every sheet is UTF-8
            file.write_bytes(UP_AND_DOWN.sub(shorter, text).encode("latin-1"))
