"""Makes the @imports of collected LESS files true in the static root, and proves that all their links are.

Where an @import leads is asked of the source tree, in which it was written: the file it stands in came
from one finder's folder, the file it means lies in another's, and so both have a name in the static root.
What cannot be found so is tried with known prefixes.

Then every @import, url() and data-uri() that a template's LESS file leads to is looked up in the static root. An
@import that leads nowhere fails the phase. A url() is only warned of, and a data-uri(), of which lessc makes a url()
where the file is not there: the sheet compiles, and the page lacks a picture. All is only reported where it stands
in a package, in what is printed only when it is called for (a mixin, a guard, a (reference)), or in a file that no
template leads to.

Settings:
    FAB_STATIC_LESS_PREFIXES    (source prefix, static prefix) pairs
    LESS_B3_PATHS               {"variables": "../../shop/less/variables"}: what @{b3-import-variables-x} means
    FAB_STATIC_LESS_MAY_DANGLE  patterns of files whose url() and data-uri() may lead nowhere, besides those of
                                packages: source paths, or names under the static root
    FAB_STATIC_LESS_OPTIONS     less's options, {"rewriteUrls": "all"}, as for our LessFilter; default: those of the
                                lessc in COMPRESS_PRECOMPILERS
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from django.conf import settings

from fab_static.django_app import compress_blocks, project, static_files, templates
from fab_static.errors import BuildError
from fab_static.plan.less import urls
from fab_static.plan.less.rewriting import (
    leading_replacement,
    replace_b3,
    replace_prefixes,
    rewrite,
)
from fab_static.plan.less.sheet import Import, Link, Piece, Sheet, file_path, line_of
from fab_static.plan.less.walk import Linked, Reached, follow

# From CommCare HQ, where this command comes from: LESS stands six folders below the project there.
PREFIXES = (
    ("../../../../../style/static/style/less/", "../../style/less/"),
    ("../../../../../../bower_components", "../.."),
    ("../../../../../../node_modules", "../.."),
)
MAY_DANGLE = ("*/node_modules/*", "*/bower_components/*", "*/site-packages/*")
_LESS_NAME = re.compile(r"[\w./@+-]+\.less\b")


@dataclass(frozen=True)
class Problem:
    """A link that compiling, or a browser, would not find, or would find outside the static root."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass
class Report:
    """What was rewritten, and what is wrong still.

    `problems` are fatal; `dangling` are the project's own url()s, which a page will ask for in vain; `tolerated` are
    in use, but a package's, or printed only when called for; `unused` are in files that no template leads to; `not_known` are links with a variable whose value the text does not tell,
    and `unread` the templates of which we do not know what they name.
    """

    rewritten: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    dangling: list[Problem] = field(default_factory=list)
    tolerated: list[Problem] = field(default_factory=list)
    unused: list[Problem] = field(default_factory=list)
    not_known: list[Problem] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def fix() -> Report:
    """Rewrite the static root's LESS files in place, nothing but paths, and check what came of it.

    Raises:
        BuildError: a string would have to be two different paths.
    """
    root = project.static_root()
    static_files.refuse_sources(root)
    tree = _Tree(root)
    blocks = compress_blocks.read()
    named = [*sorted(blocks.entries), *_named_by_templates()]
    used = dict.fromkeys(name for name in named if tree.is_file(name))
    if b3_paths := getattr(settings, "LESS_B3_PATHS", None):
        for name in tree.names:
            tree.change(
                name,
                [(*span, replace_b3(old, b3_paths)) for span, old in tree.strings(name)],
            )
    # A path put right brings files into reach, whose variables put others right: two rounds are usual.
    for _ in range(10):
        changes = _changes(tree, used)
        for name, spans in changes.items():
            tree.change(name, spans)
        if not changes:
            break
    check = _Check(tree)
    report = Report(tree.write(), unread=blocks.unknown)
    for entry in used:
        check.compile(entry, report.problems, report.dangling, report.tolerated, report.not_known)
    for name in tree.names:
        if name not in check.reached:  # of a package's test files, the imports are news enough
            links: list[Problem] = [] if tree.may_dangle(name) else report.unused
            check.compile(name, report.unused, links, links, [])
    return report


def _changes(tree: _Tree, used: Collection[str]) -> dict[str, list[tuple[int, int, str]]]:
    """Return the spans to replace, by file."""
    wanted: dict[Piece, dict[str, bool]] = defaultdict(dict)  # {path: does a page need it?}
    settled: set[tuple[str, int]] = set()
    reached: set[str] = set()
    for entry in [*used, *tree.names]:
        if entry in reached and entry not in used:
            continue  # compiled by itself it would miss the variables of the file that imports it
        reached.add(entry)
        for met in follow(entry, tree.sheet, tree.target).imports:
            if met.path is None or met.target is None:
                continue
            reached.add(met.target)
            settled.add((met.file, met.at.start))
            settled.update((piece.file, piece.start) for piece in met.pieces)
            if tree.in_root(met.file, met.path) != met.target:
                path = posixpath.relpath(met.target, posixpath.dirname(met.file) or ".")
                if met.path != "".join(piece.text for piece in met.pieces):
                    path = path.removesuffix(".less")  # as it is written
                if change := leading_replacement(met.pieces, path):
                    wanted[change[0]].setdefault(change[1], entry in used)

    changes: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for piece, paths in wanted.items():
        needed = [path for path, is_needed in paths.items() if is_needed] or list(paths)
        if len(needed) == 1:
            changes[piece.file].append((piece.start, piece.end, needed[0]))
        elif paths[needed[0]]:
            raise BuildError(
                f'"{piece.text}" would have to be {" and ".join(sorted(needed))}:'
                " files in folders of different depth use it",
                where=f"{piece.file}:{line_of(tree.text(piece.file), piece.start)}",
                mend="give each of these files a variable of its own, or write its path out",
            )
    pairs = getattr(settings, "FAB_STATIC_LESS_PREFIXES", PREFIXES)
    for name in tree.names:
        for (start, end), old in tree.strings(name):
            new = replace_prefixes(old, pairs)
            if (
                new != old
                and (name, start) not in settled
                and not tree.in_root(name, file_path(old))
            ):
                changes[name].append((start, end, new))
    return changes


class _Check:
    """Looks up every link that compiling entry files meets; each is told once."""

    def __init__(self, tree: _Tree) -> None:
        self.tree = tree
        self.reached: set[str] = set()
        self._told: set[Problem] = set()
        prefixes = compress_blocks.static_prefixes()
        self._printing = urls.Printing.of_command(_lessc_options(), prefixes)

    def compile(
        self,
        entry: str,
        problems: list[Problem],
        dangling: list[Problem],
        tolerated: list[Problem],
        not_known: list[Problem],
    ) -> None:
        tree = self.tree
        walk = follow(entry, tree.sheet, lambda file, path, _: tree.in_root(file, path))
        self.reached.add(entry)
        for met in walk.imports:
            if met.target is not None:
                self.reached.add(met.target)
            elif why := tree.why_not(met):
                self._tell(problems, met.file, met.at, f'@import "{met.at.path}" {why}')
        for link in walk.links():
            shown = _shown(link)
            if link.path is None:
                self._tell(
                    not_known, link.file, link.at, f"{shown} names a variable not known here"
                )
                continue
            name = urls.name_of(link, entry, self._printing)
            if name is None or tree.is_file(name):
                continue
            where = "leaves the static root, for" if _is_outside(name) else "leads to"
            text = f"{shown} {where} {name}" + ("" if _is_outside(name) else ", which is not there")
            files = {piece.file for piece in link.pieces} or {link.file}
            of_project = problems if link.at.kind == "@import" else dangling
            is_theirs = not link.is_sure or all(map(tree.may_dangle, files))
            self._tell(tolerated if is_theirs else of_project, link.file, link.at, text)

    def _tell(self, to: list[Problem], file: str, at: Import | Link, text: str) -> None:
        problem = Problem(file, line_of(self.tree.text(file), at.start), text)
        if problem not in self._told:
            self._told.add(problem)
            to.append(problem)


def _shown(link: Linked) -> str:
    path = link.at.text if link.path is None else link.path
    return f'@import "{path}"' if link.at.kind == "@import" else f'{link.at.kind}("{path}")'


def _lessc_options() -> str:
    """Return the setting's options, else the command that compressor compiles LESS with."""
    options = getattr(settings, "FAB_STATIC_LESS_OPTIONS", None)
    if options is not None:
        words = {
            "rewriteUrls": "--rewrite-urls",
            "relativeUrls": "--relative-urls",
            "rootpath": "--rootpath",
        }
        given = {words[name]: value for name, value in options.items() if name in words and value}
        return " ".join(
            name if value is True else f"{name}={value}" for name, value in given.items()
        )
    precompilers = getattr(settings, "COMPRESS_PRECOMPILERS", ())
    return next((str(command) for kind, command in precompilers if "less" in kind), "")


def _named_by_templates() -> list[str]:
    """Return the names of LESS files that stand in templates, as names or as URLs; not in comments."""
    names: set[str] = set()
    for template in templates.every():
        if ".less" not in template.text:
            continue
        for found in _LESS_NAME.findall(templates.without_comments(template)):
            name = found.split(settings.STATIC_URL, 1)[-1] if settings.STATIC_URL else found
            names.add(name.lstrip("/"))
    return sorted(names)


class _Tree:
    """The LESS files of the static root, as they are to be written, and the sources they came from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sources: dict[str, static_files.Source] = {}
        places: dict[tuple[Path, str], None] = {}  # (folder, prefix), in the finders' order
        for source in static_files.found():
            self._sources.setdefault(source.name, source)
            if source.location:
                places[source.location, source.name.removesuffix(source.path)] = None
        self._places = [
            (f"{folder}/", prefix)
            for location, prefix in places
            for folder in (location, location.resolve())
        ]
        self.names = sorted(
            Path(parent, name).relative_to(root).as_posix()
            for parent, _, files in os.walk(root)
            for name in files
            if name.endswith(".less")
        )
        self._texts = {name: self._read(root / name) for name in self.names}
        self._collected = dict(self._texts)
        self._sheets: dict[str, Sheet] = {}
        self._is_source: dict[str, bool] = {}
        self._beside: dict[
            str, list[Path]
        ] = {}  # file -> where LESS would look for what it imports
        self._meant: dict[tuple[str, str], str | None] = {}  # sources do not change while we look

    def sheet(self, name: str) -> Sheet:
        if name not in self._sheets:
            self._sheets[name] = Sheet(self.text(name))
        return self._sheets[name]

    def text(self, name: str) -> str:
        if name not in self._texts:  # `@import (less) "x.css"`
            self._texts[name] = self._read(self.root / name)
        return self._texts[name]

    def strings(self, name: str) -> list[tuple[tuple[int, int], str]]:
        text = self.text(name)
        return [((start, end), text[start:end]) for start, end in self.sheet(name).strings]

    def change(self, name: str, spans: list[tuple[int, int, str]]) -> None:
        self._texts[name] = rewrite(self._texts[name], spans)
        self._is_source.pop(name, None)
        self._sheets.pop(name, None)

    def write(self) -> list[str]:
        """Write the files that changed, and return their names."""
        changed = [name for name in self.names if self._texts[name] != self._collected[name]]
        for name in changed:
            data = self._texts[name].encode("utf-8", "surrogateescape")
            project.write_atomically(self.root / name, data)
        return changed

    def target(self, file: str, path: str, pieces: tuple[Piece, ...]) -> str | None:
        """Return the name that an @import should come to.

        In a text that is still the source's, the source tree knows best: what lies where the path leads
        from the static root may be another package of that name.
        """
        target = None
        if all(self._is_as_written(name) for name in (file, *(piece.file for piece in pieces))):
            target = self._in_source(file, path)
        return target or self.in_root(file, path) or self._in_source(file, path)

    def in_root(self, file: str, path: str) -> str | None:
        """Return the name that a path in a file comes to in the static root, if that is there."""
        name = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        return name if not _is_outside(name) and self.is_file(name) else None

    def why_not(self, met: Reached) -> str | None:
        """Say what is wrong with an @import that leads to no file of the static root; None: nothing."""
        if met.path is None:
            return "names a variable that has no string value here"
        name = posixpath.normpath(posixpath.join(posixpath.dirname(met.file), met.path))
        if "optional" in met.at.options and not (
            _is_outside(name) and (self.root / name).is_file()
        ):
            return None
        if _is_outside(name):
            what = f"leaves the static root, for {name}"
        else:
            what = f"leads to {name}, which is not there"
        source = next(filter(os.path.isfile, self._candidates(met.file, met.path)), None)
        return (
            f"{what}; {source}, which it means in the source, is not collected" if source else what
        )

    def _in_source(self, file: str, path: str) -> str | None:
        if (file, path) not in self._meant:
            self._meant[file, path] = self._looked_up(file, path)
        return self._meant[file, path]

    def _looked_up(self, file: str, path: str) -> str | None:
        for candidate in filter(os.path.isfile, self._candidates(file, path)):
            for folder, prefix in self._places:
                if str(candidate).startswith(folder):
                    name = prefix + candidate.as_posix()[len(folder) :]
                    if self.is_file(name):
                        return name
        return None

    def _candidates(self, file: str, path: str) -> list[Path]:
        """Return where LESS would look in the source tree: beside the file, then where lessc is started."""
        if file not in self._beside:
            found = source.file if (source := self._sources.get(file)) else None
            started = project.folder()
            self._beside[file] = (
                [found.parent, found.resolve().parent, started, started / "node_modules"]
                if found
                else []
            )
        return [Path(os.path.normpath(folder / path)) for folder in self._beside[file]]

    def may_dangle(self, name: str) -> bool:
        """Is it a package's file, whose links are not the project's to mend?"""
        source = self._sources.get(name)
        paths = [name, *([source.file.as_posix()] if source and source.file else [])]
        patterns = (*MAY_DANGLE, *getattr(settings, "FAB_STATIC_LESS_MAY_DANGLE", ()))
        return any(fnmatchcase(path, pattern) for path in paths for pattern in patterns)

    def _is_as_written(self, file: str) -> bool:
        if file not in self._is_source:
            source = self._sources.get(file)
            self._is_source[file] = (
                source is not None
                and source.file is not None
                and source.file.is_file()
                and self._read(source.file) == self.text(file)
            )
        return self._is_source[file]

    def is_file(self, name: str) -> bool:
        # not Path.is_file: it asks for size and time too, on which a build would depend (host/project/reads)
        return os.path.isfile(self.root / name)  # noqa: PTH113

    @staticmethod
    def _read(file: Path) -> str:
        return file.read_bytes().decode("utf-8", "surrogateescape")


def _is_outside(name: str) -> bool:
    return name.startswith(("/", "../")) or name == ".."
