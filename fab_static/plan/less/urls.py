"""What a link in LESS comes to: lessc prints it, compressor makes it absolute, a browser fetches it.

Seen with less 3.13 and 4.9 (tests/integration/test_less.py): lessc prints a relative url() as it is written,
whichever file it stands in. So it is read from the folder of the *entry* file; with --rewrite-urls, from the
folder of the file that says it. data-uri() reads its file from the same folder as a url() would. A data-uri()
that finds no file becomes a url() of the same text, with a warning that nobody sees.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from fab_static.plan.less.walk import Linked

Rewrite = Literal["off", "local", "all"]

_HAS_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|(.))", re.IGNORECASE | re.DOTALL)
_REWRITE_OPTION = re.compile(r"(?:-ru|--rewrite-urls|--relative-urls)(?:=(off|local|all))?")
_ROOTPATH_OPTION = re.compile(r"(?:-rp|--rootpath)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Printing:
    """How lessc is told to print URLs, and what stands before a static file's name in one."""

    prefixes: tuple[str, ...]  # ("https://cdn.example/static/", "/static/")
    rewrite: Rewrite = "off"
    rootpath: str = ""

    @classmethod
    def of_command(cls, command: str, prefixes: tuple[str, ...]) -> Printing:
        """Return what a command line of lessc says: `lessc --rewrite-urls=all {infile} {outfile}`."""
        rewrite: Rewrite = "off"
        rootpath = ""
        try:
            words = shlex.split(command)
        except ValueError:  # an open quote: the shell would refuse it, too
            words = command.split()
        for word in words:
            if found := _REWRITE_OPTION.fullmatch(word):
                rewrite = found[1] or "all"  # type: ignore[assignment]  # one of three, says the pattern
            elif found := _ROOTPATH_OPTION.fullmatch(word):
                rootpath = found[1]
        return cls(prefixes, rewrite, rootpath)


def name_of(link: Linked, entry: str, printing: Printing) -> str | None:
    """Return the name under the static root that a link means in the CSS of an entry file.

    "../x" is a name that leaves the static root. None: it means no static file, or is not known.
    """
    path = link.path
    if path is None or not path.strip() or path.startswith("#"):
        return None
    is_data = link.at.kind == "data-uri"
    if not is_data:
        path = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], path)
    path = re.split("[?#]", path, maxsplit=1)[0]
    if not _HAS_SCHEME.match(path) and not path.startswith("/"):
        is_own = printing.rewrite == "all" or (
            printing.rewrite == "local" and (is_data or path.startswith("."))
        )
        folder = posixpath.dirname(link.file if is_own else entry)
        name = posixpath.normpath(posixpath.join(folder, path if is_data else unquote(path)))
        if is_data or not printing.rootpath:
            return name
        path = printing.rootpath + posixpath.relpath(name, posixpath.dirname(entry) or ".")
        if not _HAS_SCHEME.match(path) and not path.startswith("/"):
            return posixpath.normpath(posixpath.join(posixpath.dirname(entry), path))
    for prefix in printing.prefixes:
        if prefix and path.startswith(prefix):
            return posixpath.normpath(unquote(path.removeprefix(prefix)))
    return None
