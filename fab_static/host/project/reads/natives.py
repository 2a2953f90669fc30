"""Native code that a run has loaded: nobody sees what it reads, so it is known, or trusted, or keeps the run from being used again."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Iterable, Mapping

from fab_static.host.project.imports import when_imported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.project.reads.notes import Notes

FONTS = "PIL._imagingft"  # of Pillow: it opens the file that it is given, and no other
# Native modules, or packages of them, that open no file and no connection of their own, or only as CONNECTS in recorder.py.
READ_NOTHING = frozenset(
    [
        "ahocorasick", "aiohttp", "_argon2_cffi_bindings", "backports.zoneinfo", "bcrypt", "bitarray", "blake3", "brotli", "_brotli",
        "bson", "cbor2", "_cbor2", "cchardet", "chardet", "charset_normalizer", "ciso8601", "Crypto",
        "cryptography", "frozenlist", "google._upb", "greenlet", "hiredis", "httptools", "immutables",
        "jellyfish", "lazy_object_proxy", "Levenshtein", "lz4", "markupsafe", "mmh3", "msgpack", "multidict",
        "MySQLdb", "nacl", "nh3", "numpy", "orjson", "pandas", "pendulum", "PIL._avif", "PIL._imaging",
        "PIL._imagingmath", "PIL._imagingmorph", "PIL._webp", "_pillow_heif", "propcache", "psycopg2",
        "pvectorc", "pydantic_core", "pymongo", "pyrsistent", "rapidfuzz", "_rcssmin", "rcssmin", "regex",
        "rjsmin", "_rjsmin", "_rl_accel", "rpds", "_ruamel_yaml", "scipy", "setproctitle", "shapely",
        "simplejson", "snappy", "sqlalchemy", "tornado", "ujson", "websockets", "wrapt", "xxhash", "yaml",
        "yarl", "zope", "zopfli", "zstandard", FONTS,
    ]
)  # fmt: skip
_COMPILED_PYTHON = "__mypyc"  # it reads through Python's own functions
OPEN_UNSEEN = ("_dbm", "_gdbm")  # of the standard library
SASS = "fab_static.host.project.reads.sass_reads"
CFFI = "_cffi_backend"  # any project with cryptography has loaded it


class Natives:
    """The native code of this process.

    Args:
        trust: modules, packages of them and libraries that read nothing unseen, beyond those that we know.
    """

    def __init__(self, trust: Iterable[str]) -> None:
        self._trust = READ_NOTHING | set(trust)
        self._libraries: set[str] = set()

    def begin(self) -> None:
        """Listen to those that can be made to tell."""
        when_imported(FONTS, _watch_fonts)
        if find_spec(SASS):  # to hosts that only render it is not sent
            sass = import_module(SASS)
            sass.begin()
            self._trust = self._trust.union([sass.NATIVE])

    def loads(self, library: str) -> None:
        """Take in that ctypes loads a library."""
        self._libraries.add(library)

    def judge(self, notes: Notes, modules: Mapping[str, object]) -> None:
        """Note the files of modules as read, and why the run must not be used again for what is native.

        Args:
            notes: of the run.
            modules: sys.modules.
        """
        if not modules.keys().isdisjoint(OPEN_UNSEEN):
            notes.is_unseen("it may have opened a dbm database")
        # file -> its names: requests has chardet's by a second one
        native: dict[str, list[str]] = {}
        for name, module in list(modules.items()):
            file = getattr(module, "__file__", None)
            if not isinstance(file, str):
                continue
            notes.imported(file)
            if file.endswith(".so") and not _is_of_python(file):
                native.setdefault(file, []).append(name)
        unknown = {
            trusted_as.split(".")[0]: trusted_as
            for file, names in sorted(native.items(), reverse=True)
            for trusted_as in [_name_of(file, names)]
            if not any(map(self._reads_nothing, names))
        }
        if unknown.get(CFFI) and not _loads_by_cffi(modules):
            del unknown[CFFI]
        for library in self._libraries:
            name = os.path.basename(library).split(".so")[0]
            if self._trust.isdisjoint((name, library)):
                unknown[name] = library
        if unknown:  # all at once: else the next deploy would tell of the next one
            notes.is_unseen(_told(dict(sorted(unknown.items()))))

    def _reads_nothing(self, module: str) -> bool:
        names = module.split(".")
        above = (".".join(names[: at + 1]) for at in range(len(names)))
        return not self._trust.isdisjoint(above) or names[0].endswith(_COMPILED_PYTHON)


def _watch_fonts() -> None:
    """Have Pillow tell of each font that its native part opens."""
    fonts = sys.modules[FONTS]
    getfont = fonts.getfont

    def noted(filename: str | bytes = "", *arguments: object, **named: object) -> object:
        if filename:  # else it is given the font's bytes
            sys.audit("fab_static.read", os.fsdecode(filename), None)
        return getfont(filename, *arguments, **named)

    fonts.getfont = noted  # type: ignore[attr-defined]


def _is_of_python(file: str) -> bool:
    return file.startswith(sys.base_prefix + os.sep) and "lib-dynload" in file


def _name_of(file: str, names: Iterable[str]) -> str:
    """Return the name of a native module that says where it lies; the shortest one if none does."""
    place = os.path.join(os.path.dirname(file), os.path.basename(file).split(".")[0])
    fitting = [name for name in names if place.endswith(os.sep + name.replace(".", os.sep))]
    return max(fitting, key=len) if fitting else min(names, key=len)


def _loads_by_cffi(modules: Mapping[str, object]) -> bool:
    """Tell whether a library may have been loaded by name: by cffi itself, or by a module that it has written in Python.

    What it has compiled is a native module of its own.
    """
    return "cffi" in modules or any(
        CFFI in getattr(module, "__dict__", ()) for module in list(modules.values())
    )


def _told(unknown: Mapping[str, str]) -> str:
    """Return why a run that loaded native code is not used again: one name of each package.

    Args:
        unknown: what to trust -> the module or library.
    """
    *names, last = unknown.values()
    told = f"{', '.join(names)} and {last}" if names else last
    return (
        f"it loaded native code, which may read unseen: {told}; "
        f"trust what does not: build.trust: [{', '.join(unknown)}]"
    )
