"""What a failed command of the project printed -> the lines that matter, and the cure.

A traceback becomes the exception and the last place in the project's own code; so does each exception of a chain.
Frames of ours, of Django's management and of libraries say nothing to whoever mends the project.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from fab_static.errors import LINES_SHOWN
from fab_static.plan.text import without_colours

_BEFORE = 8  # lines kept before an exception: collectstatic names the file there
_BEGIN = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\):")
# the frame that an exception group is drawn in: | at the left, and a line with + before each exception
_GROUP = re.compile(r" +\+ (?=Exception Group Traceback )")
_EDGE = re.compile(r" +\| ?|[ |]*\+-[-+ \d.]*-$")
_FRAME = re.compile(r'  File "(?P<file>[^"]*)", line \d+(?P<function>, in .*)?')
_NOT_THE_PROJECTS = re.compile(
    r"[^/]*\Z|.*/(?:site-packages|dist-packages|node_modules)/|.*/lib/python\d[^/]*/"
    r"|(?:.*/)?fab_static/(?:django_app|host|plan)/|.*/manage\.py\Z"
)
_NODES_OWN = re.compile(r"\s+at .*\bnode:internal/")


def lines_of(output: str) -> list[str]:
    """Return the lines of a command's output, without colours and without the frames of tracebacks."""
    return _folded(output)[0]


def shown(output: str) -> list[str]:
    """Return what an error repeats of a failed command's output: LINES_SHOWN lines, and "…" for the others."""
    lines, first = _folded(output)
    if len(lines) <= LINES_SHOWN:
        return lines
    if first is None:
        return ["…", *lines[-LINES_SHOWN:]]
    begin = max(0, min(first - _BEFORE, len(lines) - LINES_SHOWN))
    kept = ["…"] if begin else []
    kept += lines[begin : begin + LINES_SHOWN]
    if begin + LINES_SHOWN < len(lines):
        kept.append("…")
    return kept


def _folded(output: str) -> tuple[list[str], int | None]:
    """Return the lines, and where in them the first traceback stands."""
    found: list[str] = []
    first: int | None = None
    trace: list[str] | None = None  # the lines of the traceback that we are in
    for line in _unframed(without_colours(output).rstrip().splitlines()):
        if trace is not None and line.startswith("  "):
            trace.append(line)
            continue
        if trace is not None:
            found += _places(trace)
            trace = None
        if _BEGIN.fullmatch(line):
            trace = []
            first = len(found) if first is None else first
        elif not _NODES_OWN.match(line):
            found.append(line)
    return [*found, *_places(trace or [])], first


def _unframed(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, those of an exception group as if its exceptions followed each other."""
    in_group = False
    for line in lines:
        begin, edge = _GROUP.match(line), _EDGE.match(line)
        if begin:
            in_group = True
            yield line[begin.end() :]
        elif in_group and edge:
            if line[edge.start() : edge.end()].rstrip().endswith("|"):
                yield line[edge.end() :]
        else:
            in_group = False
            yield line


def _places(trace: Sequence[str]) -> list[str]:
    """Return the lines of a traceback that say where: in the project's code last, and in a text that is no Python."""
    frames: list[list[str]] = []
    for line in trace:
        if _FRAME.fullmatch(line):
            frames.append([line])
        elif frames:
            frames[-1].append(line)
    own: list[str] = []
    wrong: list[str] = []
    for frame in frames:
        found = _FRAME.fullmatch(frame[0])
        if found and found["function"] is None:  # a SyntaxError's own
            wrong = frame
        elif found and not _NOT_THE_PROJECTS.match(found["file"]):
            own = frame[:2]  # without the marks below its source
    return own + wrong


_CURES = (
    (
        r"\b(node|npm|npx): (not found|command not found|No such file)|No such file or directory: '?node\b",
        "install Node.js there (Debian: apt-get install nodejs npm), on the PATH of a login without "
        "a terminal; or set PATH in project.environment",
    ),
    (
        r"Cannot find module|node_modules\S*: (not found|No such file)|No such file or directory: "
        r"'?\S*node_modules|\b(vite|webpack|tailwindcss|esbuild|rollup|parcel): (not found|command not found)",
        "install the project's npm packages there: npm ci in {path}",
    ),
    (
        r"\b(?P<name>yarn|pnpm|bun|deno): (not found|command not found)",
        "install {name} there, on the PATH of a login without a terminal; or set PATH in project.environment",
    ),
    (
        r"npm error Missing script: \"(?P<name>[\w:-]+)\"",
        "add the script {name} to package.json, or correct the phase's `run` in the inventory",
    ),
    (
        r"UnicodeDecodeError while trying to read template",
        "save the templates named above as UTF-8: compress passes over them",
    ),
    (
        r"(Invalid|Unreadable|Non-existent|Error parsing) template(?s:.*)No 'compress' template tags found",
        "correct the templates named above: compress passes over them",
    ),
    (
        r"No 'compress' template tags found",
        "take compress out of build.phases where templates have no {{% compress %}}; where Jinja2 alone has it: "
        "build.commands: {{compress: manage.py compress --force --engine jinja2}}; where django-sekizai's "
        "postprocessor has it: compress inside {{% addtoblock %}}",
    ),
    (r"No space left on device", "free some space there; what is live has not changed"),
    (
        r"(?m)^Post-processing '(?P<file>.*)' failed!(?s:.)*^UnicodeDecodeError: '(?P<encoding>[\w-]+)'",
        "save {file} as UTF-8, which Django reads it as: iconv -f ITS-ENCODING -t UTF-8; or leave it out of "
        "what is collected",
    ),
    (
        r"(?m)^Post-processing '(?P<file>.*)' failed!(?s:.)*^[\w.]*Error: The file '(?P<other>.*)' could not be found",
        "correct what {file} names, or collect {other}",
    ),
    (
        r"(?m)^(?:\S+\.)?UnicodeDecodeError: ",
        "save the file that was read there as UTF-8: iconv -f ITS-ENCODING -t UTF-8",
    ),
    (
        r"\.less\b.*(?:ParseError|NameError|FileError|SyntaxError)|(?:ParseError|NameError|FileError|SyntaxError): "
        r".* in .*\.less|\.less on line",
        "correct the LESS file named above; what is live has not changed",
    ),
    (
        r"os\.environ\[.*\n(?:.*\n)?KeyError: '(?P<name>\w+)'",
        "give it the variable {name}: under project.environment, or its name under project.secrets",
    ),
    (
        r"KeyError: '(?P<name>\w+)': the environment has no such variable",  # host/project
        "give it the variable {name}: under project.environment, or its name under project.secrets",
    ),
    (
        r"\bfab_static[./]django_app\b(?s:.)*No module named '(?:yaml|compressor)'",
        "install fab_static with what it needs there, into the project's Python: pip install 'fab-static[django]'",
    ),
    (
        r"ModuleNotFoundError: No module named '?(?P<name>[\w.]+)'?",
        "install what holds {name} into the project's Python (its requirements), or correct the name: it stands "
        "in project.settings, in INSTALLED_APPS or in an import",
    ),
    (r"can't open file .*manage\.py", "correct project.path: it must hold manage.py"),
    (
        r"settings are not configured",
        "name the project's settings in the inventory: project.settings",
    ),
    (
        r"SystemCheckError|(?:\S+\.)?ImproperlyConfigured: |AppRegistryNotReady",
        "correct the settings, until this ends well there: manage.py check, with the same project.settings, "
        "environment and secrets",
    ),
    (
        r"Unknown command: '(?P<name>[\w-]+)'",
        "add the app that has the command {name} to INSTALLED_APPS, or correct build.commands",
    ),
    (
        r"(?m)^(?:\S+\.)?OperationalError: ",
        "make the database reachable from there, or let the project start without it",
    ),
    (
        r"PermissionError: \[Errno \d+\] [\w ]+: '(?P<file>[^'\n]*)'",
        "let the user that builds read and write {file}",
    ),
    (
        r"(?m)^FileNotFoundError: \[Errno 2\] No such file or directory: '(?P<file>[^'\n]*)'",
        "see to it that {file} is there, or take its name out of the project",
    ),
    (r"JavaScript heap out of memory|(?m:^MemoryError\b)|Cannot allocate memory", "give the host more memory"),
)  # fmt: skip


def cure(output: str, path: str, code: int | None = None) -> str:
    """Return the cure of a failure; a general one where what was printed is not known.

    Args:
        output: what the command printed.
        path: the checkout.
        code: how the command ended; less than 0: by a signal.
    """
    known = known_cure(output, path)
    if known:
        return known
    if code in (-9, 137):
        return "give the host more memory: the kernel ends what asks for too much (dmesg says so)"
    return "correct the project, then run the task again; what is live has not changed"


def known_cure(output: str, path: str) -> str | None:
    """Return the cure of the failure that is told in this output, or in these words, or None if it is not known."""
    text = "\n".join(lines_of(output))
    for pattern, words in _CURES:
        found = re.search(pattern, text)
        if found:
            return words.format(path=path, **found.groupdict())
    return None
