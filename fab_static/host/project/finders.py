"""What collectstatic meets: the files that finders list, without those that its options leave out."""

from __future__ import annotations

import os

from fab_static.host.project.paths import folder_of
from fab_static.host.project.refusals import ProbeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from django.core.files.storage import Storage

FINDERS = "django.contrib.staticfiles.finders"


def collected(patterns: list[str] | None = None) -> Iterator[tuple[str, str, Storage]]:
    """Yield name, path and storage of every file that collectstatic meets, the one it collects first.

    Args:
        patterns: what it leaves out; None: what it leaves out when nothing more is asked.
    """
    from django.apps import apps
    from django.contrib.staticfiles.finders import get_finders

    if not apps.is_installed("django.contrib.staticfiles"):
        raise ProbeError(
            "django.contrib.staticfiles is not installed",
            "settings " + os.environ.get("DJANGO_SETTINGS_MODULE", ""),
            "add it to INSTALLED_APPS",
        )
    if patterns is None:
        patterns = default_patterns()
    ignore = list({os.path.normpath(pattern) for pattern in patterns})
    for finder in get_finders():
        for path, storage in finder.list(ignore):
            prefix = getattr(storage, "prefix", None)
            yield (os.path.join(prefix, path) if prefix else path).replace("\\", "/"), path, storage


def default_patterns() -> list[str]:
    """Return what collectstatic leaves out when it is not asked otherwise."""
    from django.apps import apps

    config: Any = apps.get_app_config("staticfiles")
    return list(config.ignore_patterns)


def collecting_options(words: list[str] | None) -> tuple[list[str] | None, str | None]:
    """Return what collectstatic leaves out, None for the usual; and why it may leave out more."""
    from django.contrib.staticfiles.management.commands.collectstatic import Command
    from django.core.management import get_commands, load_command_class

    if not words:
        return None, "it is a shell line"
    app = get_commands().get(words[0])
    command: Any = load_command_class(app, words[0]) if isinstance(app, str) else app
    if not isinstance(command, Command):
        return None, f"{words[0]} is the project's own command"
    parser = command.create_parser("manage.py", words[0])
    options = parser.parse_args(words[1:])
    patterns = list(options.ignore_patterns)
    if options.use_default_ignore_patterns:
        patterns += default_patterns()
    for name in ("handle", "collect", "set_options", "copy_file", "link_file", "delete_file"):
        if getattr(type(command), name).__module__ != Command.__module__:
            return patterns, f"{words[0]} is the project's own command"
    return patterns, None


def source_folders() -> Iterator[tuple[str, str, bool]]:
    """Yield prefix and folder of every storage on disk of the finders; and whether Django's own code lists it."""
    from django.contrib.staticfiles.finders import get_finders

    for finder in get_finders():
        is_listed = getattr(type(finder).list, "__module__", "") == FINDERS
        for storage in getattr(finder, "storages", {}).values():
            folder = folder_of(storage)
            if folder:
                yield getattr(storage, "prefix", None) or "", folder, is_listed
