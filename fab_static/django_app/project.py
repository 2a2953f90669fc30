"""Where the project's things are: its folder, its static root, the bytes it serves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from django.conf import settings

from fab_static.errors import BuildError, FabStaticError
from fab_static.host.project import paths
from fab_static.plan import text


def folder() -> Path:
    """Return the project's folder: the one above the settings that holds manage.py, else BASE_DIR."""
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", None) or "")
    for parent in Path(getattr(module, "__file__", None) or "/").parents:
        if (parent / "manage.py").is_file():
            return parent
    return base_dir() or Path.cwd()


def base_dir() -> Path | None:
    """Return the setting BASE_DIR (FILEPATH in older projects), or None."""
    found = paths.base_dir()
    return Path(found) if found else None


def static_root() -> Path:
    """Return STATIC_ROOT, which must have been collected.

    Raises:
        BuildError: the setting is empty, or the folder is not there.
    """
    if not settings.STATIC_ROOT:
        raise BuildError(
            "the setting STATIC_ROOT is empty",
            where=f"settings {settings.SETTINGS_MODULE}",
            mend="set STATIC_ROOT to the folder that collectstatic fills",
        )
    root = Path(settings.STATIC_ROOT).absolute()
    if not root.is_dir():
        raise BuildError(
            "the static root is not there", where=str(root), mend="run: manage.py collectstatic"
        )
    return root


def url_prefix() -> str:
    """Return what stands before a static file's name in a URL: the CDN, if there is one, and STATIC_URL."""
    return f"{getattr(settings, 'STATIC_CDN', '') or ''}{settings.STATIC_URL}"


def is_cdn_in_blocks() -> bool:
    """Return the setting FAB_STATIC_CDN_IN_BLOCKS; False makes a build that serves behind any CDN, or none."""
    return bool(getattr(settings, "FAB_STATIC_CDN_IN_BLOCKS", True))


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file in one rename: a reader sees the old bytes or the new, and a crash leaves the old."""
    for folder in [each for each in reversed(path.parents) if not each.exists()]:
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)  # nginx must enter it, whatever the umask
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        aside.unlink(missing_ok=True)
        with aside.open("xb") as file:  # never through a link that another put there
            file.write(data)
        aside.chmod(path.stat().st_mode & 0o777 if path.is_file() else 0o644)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def read_text(file: Path, *, error: type[FabStaticError] = BuildError) -> str:
    """Return the text of a file of the project's.

    Raises:
        FabStaticError: it is not UTF-8; of the class `error`.
    """
    return text.decoded(file.read_bytes(), where=str(file), error=error)
