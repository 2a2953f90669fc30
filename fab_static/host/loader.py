"""Imports the modules of an archive, on a host where nothing of ours is installed; see host/archive.py.

Each module is compiled when it is imported first. A traceback names its file and shows its lines.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

PACKAGE = "fab_static.host"
INIT = "/__init__.py"


class Modules:
    """Finds the modules of an archive, and loads them. `sources` maps the path of each file to its text."""

    def __init__(self, sources: dict[str, str]) -> None:
        self._files = {name_of(file): (file, source) for file, source in sources.items()}

    def find_spec(self, name: str, *_where: object) -> ModuleSpec | None:
        """Return what Python needs to import a module; None where the archive does not hold it."""
        if name not in self._files:
            return None
        file, _ = self._files[name]
        return ModuleSpec(
            name,
            self,  # type: ignore[arg-type]  # it has a loader's methods; importlib.abc takes long to load
            origin=file,
            is_package=file.endswith(INIT),
        )

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python to make the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Compile a module, and run it."""
        file, source = self._files[module.__name__]
        code = compile(source, file, "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102 - to import is to run
        if file.endswith(INIT):
            vars(module)["__getattr__"] = self._module_in(module.__name__)

    def _module_in(self, package: str) -> Callable[[str], ModuleType]:
        """Return the function by which `from package import module` finds a module; see `install`."""

        def module(name: str) -> ModuleType:
            if f"{package}.{name}" not in self._files:
                raise AttributeError(f"{package} has no {name}")
            return import_module(f"{package}.{name}")

        return module

    def get_source(self, name: str) -> str:
        """Return the text of a module: a traceback shows its lines."""
        return self._files[name][1]

    def install(self) -> None:
        """Let these modules be imported, before any of their names that are installed.

        `fab_static` itself is left alone: a project may have it installed, in another version. To import a module,
        Python imports the packages that it lies in, the outermost first. So ours are all there beforehand.
        """
        outermost = sys.modules[PACKAGE] = ModuleType(PACKAGE)
        outermost.__path__ = []  # it is a package, and nothing else is found in it
        sys.meta_path.insert(0, self)
        for name, (file, _) in sorted(self._files.items()):
            if file.endswith(INIT):
                import_module(name)


def name_of(file: str) -> str:
    """Return the name by which a file of an archive is imported."""
    path = file[: -len(INIT if file.endswith(INIT) else ".py")]
    return path.replace("/", ".")
