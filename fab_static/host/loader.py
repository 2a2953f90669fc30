"""Imports the modules of an archive, on a host where nothing of ours is installed; see host/archive.py.

Each module is compiled when it is imported first, unless the host keeps what was compiled of it: agent/programs.py.
A traceback names its file and shows its lines.

The file fab_static/host/agent/disk.py is sent as the module fab_static_sent.host.agent.disk. A project may have
fab_static installed, in another version: the two have no name in common, so neither imports the other's modules.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from marshal import loads
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

OURS = "fab_static."  # how the names of our modules begin
SENT = "fab_static_sent."  # and how they begin where they were sent
PACKAGE = SENT + "host"
INIT = "/__init__.py"


class Modules:
    """Finds the modules of an archive, and loads them. `sources` maps the path of each file to its text.

    `compiled` maps such a path to what this Python has made of the text before.
    """

    def __init__(
        self,
        sources: dict[str, str],
        archive: bytes = b"",
        compiled: dict[str, bytes] | None = None,
    ) -> None:
        self.archive = archive  # which they came in
        self._compiled = compiled or {}
        self._files: dict[str, tuple[str, str]] = {}
        self._take(sources)

    def _take(self, sources: dict[str, str]) -> None:
        self._files.update((name_of(file), (file, source)) for file, source in sources.items())

    def find_spec(self, name: str, *_where: object) -> ModuleSpec | None:
        """Return what Python needs to import a module, or None if the archive does not hold it."""
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
        """Compile a module where that was not done before, and run it."""
        file, source = self._files[module.__name__]
        made = self._compiled.get(file)
        code = loads(made) if made else compile(source, file, "exec", dont_inherit=True)  # noqa: S302 - ours
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
        """Let these modules be imported.

        To import a module, Python imports the packages that it lies in, the outermost first. So ours are all there
        beforehand.
        """
        outermost = sys.modules[PACKAGE] = ModuleType(PACKAGE)
        outermost.__path__ = []  # it is a package, and nothing else is found in it
        sys.meta_path.insert(0, self)
        self._import_packages()

    def add(self, data: bytes) -> None:
        """Let the modules of another archive be imported, too."""
        self._take(sources_in(data))
        self._import_packages()

    def _import_packages(self) -> None:
        for name, (file, _) in sorted(self._files.items()):
            if file.endswith(INIT):
                import_module(name)


def name_of(file: str) -> str:
    """Return the name by which a file of an archive is imported."""
    path = file[: -len(INIT if file.endswith(INIT) else ".py")]
    return SENT + path.replace("/", ".")[len(OURS) :]


def sources_in(data: bytes) -> dict[str, str]:
    """Return the sources in an archive, by the paths of their files."""
    import zlib  # late: the bootstrap has unpacked the first archive

    parts = iter(zlib.decompress(data).decode("utf-8").split("\0"))
    return dict(zip(parts, parts))


def program(data: bytes, main: str) -> bytes:
    """Return a program for the standard input of `python -`: it calls `main` of one of an archive's modules.

    The archive stands in it as one literal. The agent's bootstrap would not do: it is a long word on the command
    line, and a project's Python may be a script that passes few words on.
    """
    from binascii import b2a_base64  # late: most hosts run nothing

    file = "fab_static/host/loader.py"
    return (
        "import binascii, zlib\n"
        f"archive = binascii.a2b_base64({b2a_base64(data, newline=False)!r})\n"
        "parts = iter(zlib.decompress(archive).decode('utf-8').split('\\0'))\n"
        "sources = dict(zip(parts, parts))\n"
        f"loader = {{}}\nexec(compile(sources['{file}'], '{file}', 'exec'), loader)\n"
        "loader['Modules'](sources).install()\n"
        f"from {main} import main\nmain()\n"
    ).encode("ascii")
