"""Looks at the project that an operator stands in, for `fab init`: reads its files, and runs none of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from fab_static.plan import beginning
from fab_static.plan.beginning import Bundler, Found

MOST_FILES = 50_000  # looked at
MOST_CHARACTERS = 1 << 20  # of a file that is read
DEEPEST = 6  # folders
PASSED_OVER = {"node_modules", "bower_components", "__pycache__", "site-packages"}
ENVIRONMENTS = (".venv", "venv", "env", "virtualenv")


def look(folder: Path) -> Found:
    """Return what the files of a repository tell of its project."""
    paths = sorted(_paths(folder), key=lambda path: (len(path.parts), path))
    manages = _manages(folder, paths)
    manage = manages[0] if manages else None
    below = manage.parent if manage else PurePosixPath()
    module = beginning.settings_of(_read(folder / manage)) if manage else None
    module = module or os.environ.get("DJANGO_SETTINGS_MODULE")
    settings = "\n".join(_read(folder / path) for path in paths if _is_of_settings(path, module))
    commands = [path.stem for path in paths if path.parts[-3:-1] == ("management", "commands")]
    root = beginning.static_root_of(settings)
    return Found(
        name=folder.absolute().name,
        below=_text(below),
        has_manage=manage is not None,
        others=tuple(map(str, manages[1:])),
        settings=module,
        venv=next((name for name in _environments(below) if _is_python(folder / name)), None),
        phases=beginning.phases_of(
            settings,
            commands,
            has_less=any(path.suffix == ".less" for path in paths),
            has_requirejs=any("requirejs" in path.name for path in paths),
        ),
        is_offline=beginning.is_offline(settings),
        bundler=next(_bundlers(folder, paths, below), None),
        static_root=root and _text(below / root),
    )


def _paths(folder: Path) -> Iterator[PurePosixPath]:
    """Yield the files of a repository, without those that somebody else made."""
    count = 0
    for at, folders, names in os.walk(folder):
        here = Path(at)
        depth = len(here.relative_to(folder).parts)
        folders[:] = [
            name
            for name in folders
            if depth < DEEPEST
            and not name.startswith(".")
            and name not in (*PASSED_OVER, *ENVIRONMENTS)
            and not (here / name / "pyvenv.cfg").exists()
        ]
        for name in names:
            yield PurePosixPath((here / name).relative_to(folder).as_posix())
        count += len(names)
        if count > MOST_FILES:
            return


def _read(path: Path) -> str:
    """Return a file's text; of one that cannot be read, nothing."""
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
        return file.read(MOST_CHARACTERS)
    return ""


def _manages(folder: Path, paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Return the manage.py of each Django project, the one that is nearest to the top first."""
    named = (path for path in paths if path.name == "manage.py")
    return [path for path in named if "django" in _read(folder / path)]


def _is_of_settings(path: PurePosixPath, module: str | None) -> bool:
    return path.suffix == ".py" and (
        "settings" in path.stem
        or bool({"settings", "config"} & {*path.parts[:-1]})
        or (module is not None and path.match(module.replace(".", "/") + ".py"))
    )


def _environments(below: PurePosixPath) -> list[str]:
    return [_text(at / name) for at in (below, PurePosixPath()) for name in ENVIRONMENTS]


def _is_python(environment: Path) -> bool:
    return (environment / "bin" / "python").exists()


def _text(path: PurePosixPath) -> str:
    return "" if path == PurePosixPath() else str(path)


def _bundlers(
    folder: Path, paths: Iterable[PurePosixPath], below: PurePosixPath
) -> Iterator[Bundler]:
    """Yield what builds JavaScript: beside manage.py or below it first."""
    packages = [path for path in paths if path.name == "package.json"]
    for path in sorted(
        packages, key=lambda path: (not path.is_relative_to(below), len(path.parts))
    ):
        package: object = None
        with suppress(ValueError, RecursionError):
            package = json.loads(_read(folder / path))
        at = folder / path.parent
        config = "\n".join(_read(file) for file in sorted(at.glob("*.config.*")))
        beside = [file.name for file in at.iterdir()]
        found = beginning.bundler_of(package, _text(path.parent), beside, config)
        if found:
            yield found
