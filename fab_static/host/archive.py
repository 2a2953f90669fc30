"""Packs modules for a host: one archive of their sources, and the line of Python that runs it there.

An archive is deflated text: the path of a file (fab_static/host/agent/disk.py), NUL, what the file holds, NUL, the next
path. It holds host/loader.py too, which imports the others, by names that begin with fab_static_sent. The host may
keep it, by its SHA-256: agent/programs.py.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Collection, Iterable, Iterator, Mapping

from fab_static.host import loader
from fab_static.host.kept_archives import kept

HOST = Path(__file__).parent
ROOT = HOST.parents[1]  # paths in an archive, and so in tracebacks, are relative to it

# The first line that goes to a host. Where a login has started a shell that reads it, that shell ends at once,
# and runs nothing of the archive after it. Where the login has read a line itself, it is this one, and no harm is done.
READ_BY_A_SHELL = 113  # the exit status of that shell
FIRST_LINE = f"exit {READ_BY_A_SHELL}\n".encode()
WHICH_PYTHON = "'fab_static: Python '+'.'.join(map(str,sys.version_info[:3]))+' at '+sys.executable"
READ_BY_THE_LOGIN = "fab_static: the login read"  # the bootstrap's words where more was read

DOCSTRING = re.compile(r'^( *)"""[^"]*(?:"(?!"")[^"]*)*"""$', re.MULTILINE)
# of a comment behind code: one without quotes, else it may be part of a string
COMMENT = re.compile(r"^ *#.*$|(?<=\S)  # [^\"'\n]*$")  # in one line

# what a function returns and takes, what its variables and an object hold, and what is imported for types alone
RETURNS = re.compile(r"^( *def .*\)| *\)) -> [^\n]*:$", re.MULTILINE)
SIGNATURE = re.compile(r"^ *def \w+\((?:[^()]|\([^()]*\))*\):$", re.MULTILINE)
_TYPE = r"(?:[\w.| ]|\[(?:[^][\n]|\[(?:[^][\n]|\[[^][\n]*\])*\])*\])+?"
PARAMETER = re.compile(rf"(?<=\w): {_TYPE}(?=,|\)| = )")
VARIABLE = re.compile(rf"^( +(?:self\.)?\w+): {_TYPE}(?= = )", re.MULTILINE)
# the body of a class may need its types; a function that begins a line, or a method, does not
FUNCTION = re.compile(r"^(?P<indent>(?: {4})?)def .*\n(?:(?P=indent)[ )].*\n|\n)*", re.MULTILINE)
INDENT = re.compile(r"^(?: {4})+", re.MULTILINE)
FOR_TYPES = re.compile(
    r"^(?:TYPE_CHECKING = False\n)?if TYPE_CHECKING:\n(?: +.*\n|\n(?= ))+", re.MULTILINE
)


def archive(*modules: ModuleType, without: Collection[str] = ()) -> bytes:
    """Return an archive of these modules; of a package, with all that is below it.

    Args:
        modules: what the program imports.
        without: names of modules, as they are sent, that it never imports.
    """
    sources = _sources(modules, without)
    made_of = json.dumps([Path(__file__).read_text("utf-8"), sources]).encode("ascii")
    return kept(
        hashlib.sha256(made_of).hexdigest(),
        lambda: packed({path: as_sent(text) for path, text in sources.items()}),
    )


def archive_here(*modules: ModuleType, without: Collection[str] = ()) -> bytes:
    """Return such an archive for this machine: to make it small would take longer than to have it read as it is."""
    sources = _sources(modules, without)
    return packed({path: renamed(text) for path, text in sources.items()}, level=0)


def _sources(modules: Iterable[ModuleType], without: Collection[str]) -> dict[str, str]:
    return {
        path: text
        for path, text in sources_of(loader, *modules).items()
        if loader.name_of(path) not in without
    }


def packed(sources: Mapping[str, str], *, level: int = 7) -> bytes:
    """Return the archive of these texts, by the paths of their files; loader.sources_in() reads it."""
    parted = "\0".join(part for source in sources.items() for part in source)
    deflating = zlib.compressobj(level, memLevel=9)  # 9 takes half as long again, and saves 0.2 %
    return deflating.compress(parted.encode("utf-8")) + deflating.flush()


def sources_of(*modules: ModuleType) -> dict[str, str]:
    """Return the sources of modules by the paths of their files; of a package, with all that is below it."""
    files = sorted({file for module in modules for file in _files_of(module)})
    return {file.relative_to(ROOT).as_posix(): file.read_text("utf-8") for file in files}


def digest_of(*modules: ModuleType) -> str:
    """Return the SHA-256 that stands for these modules, whatever deflates them."""
    return hashlib.sha256(json.dumps(sources_of(*modules)).encode("ascii")).hexdigest()


@cache  # hosts with other roles get others of the same modules
def as_sent(source: str) -> str:
    """Return a module's text as it goes to hosts."""
    return renamed(bare(source))


def bare(source: str) -> str:
    """Return a module's text without docstrings, comments, most of its types and spaces; every line stays where it is.

    They are more than a third of what would go to each host, and nobody reads them there.
    """
    source = DOCSTRING.sub(lambda found: found[1] + '""' + "\n" * found[0].count("\n"), source)
    source = RETURNS.sub(r"\1:", _without_comments(source))
    source = FUNCTION.sub(lambda found: VARIABLE.sub(r"\1", found[0]), source)
    source = SIGNATURE.sub(lambda found: PARAMETER.sub("", found[0]), source)
    source = FOR_TYPES.sub(lambda found: "\n" * found[0].count("\n"), source)
    if '"""' in source:  # a text of several lines: its spaces count
        return source
    return INDENT.sub(lambda found: " " * (len(found[0]) // 4), source)


def _without_comments(source: str) -> str:
    # line by line: few have a #, and to look for these two patterns at every character takes four times as long
    lines = source.split("\n")
    return "\n".join(COMMENT.sub("", line) if "#" in line else line for line in lines)


def renamed(source: str) -> str:
    """Return a module's text, which imports our modules by the names that they are sent under."""
    return source.replace(f"{loader.OURS}host", loader.PACKAGE)


def _files_of(module: ModuleType) -> Iterator[Path]:
    assert module.__file__  # noqa: S101 - each is a file of this folder
    file = Path(module.__file__)
    return file.parent.rglob("*.py") if file.name == "__init__.py" else iter([file])


MOST = 1024 * 1024  # bytes of a kept file; agent/programs.py has the same
LACKS = b"\nfab_static lacks\n"  # printed by a bootstrap that found no kept archive
SIZE = b"%08d\n"  # of what follows, to be read past where the archive is lacking: it is sent again
# Runs what is kept; where nothing is, says so, reads past what it cannot answer yet, and takes the archive in. Where
# the login has read the first line, a few bytes of what follows are read already: it is sent again then, too.
# What was compiled of a kept archive lies beside it, behind its SHA-256: agent/programs.py.
FROM_KEPT = """
import io, marshal, os, stat, sys, zlib
try:
    from _sha256 import sha256
except ImportError:
    from hashlib import sha256
MAGIC = sys.modules['_frozen_importlib_external'].MAGIC_NUMBER.hex()
def read_kept(name):
    try:
        folder = os.lstat(FOLDER)
        if not stat.S_ISDIR(folder.st_mode) or folder.st_uid != os.geteuid() or folder.st_mode & 63:
            return b''
        file = os.open(FOLDER + '/' + name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        return os.read(file, MOST) if stat.S_ISREG(os.fstat(file).st_mode) else b''
    except OSError:
        return b''
def kept():
    data = read_kept(NAME)
    return data if sha256(data).hexdigest() == NAME else b''
def compiled():
    made = read_kept(NAME + '.' + sys.implementation.cache_tag + '-' + MAGIC)
    return marshal.loads(made[32:]) if sha256(made[32:]).digest() == made[:32] else {}
read = io.BufferedReader(io.FileIO(0, closefd=False), 1).read
line, rest, data, made = read(len(FIRST)), b'', b'', {}
if line == FIRST:
    size, data = read(9), kept()
    made = compiled() if data else {}
else:
    size, rest = line[:9], line[9:]
if not data:
    size[:8].isdigit() or sys.exit(LOGIN)
    read(int(size) - len(rest))
    os.write(1, LACKS)
    data = read(LENGTH)
    data[:1] == b'x' or sys.exit(LOGIN)
parts = iter(zlib.decompress(data).decode('utf-8').split(chr(0)))
sources = dict(zip(parts, parts))
"""


def bootstrap(data: bytes, main: str, folder: str) -> str:
    """Return the program that runs an archive which the host may keep, else reads it from standard input.

    It first reads FIRST_LINE, and by SIZE how much follows it. The folder must be the user's own, and nobody else's;
    what is kept there counts only if its SHA-256 is the archive's.
    """
    file = Path(loader.__file__).relative_to(ROOT).as_posix()
    words = {
        "FOLDER": folder,
        "MOST": MOST,
        "NAME": hashlib.sha256(data).hexdigest(),
        "LENGTH": len(data),
        "FIRST": FIRST_LINE,
        "LACKS": LACKS,
        "LOGIN": READ_BY_THE_LOGIN,
    }
    given = "".join(f"{name}={value!r};" for name, value in words.items())
    too_old = f"sys.exit({WHICH_PYTHON})"
    return (
        f"import sys;sys.version_info<(3,8)and {too_old};{given}exec({FROM_KEPT!r});loader={{}};"
        f"exec(marshal.loads(made['{file}'])if made else compile(sources['{file}'],'{file}','exec'),loader);"
        f"loader['Modules'](sources,data,made).install();from {main} import main;main()"
    )
