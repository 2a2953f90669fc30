"""Makes the @imports of collected LESS files true in the static root, and proves that all their links are.

An @import was written for the source tree, so the source tree tells where it leads. The file it stands in came
from one finder's folder, and the file it means from another's: both have a name in the static root. Known
prefixes are tried for the others.

Then every @import, url() and data-uri() that a template's LESS file leads to is looked up in the static root. An
@import that leads nowhere fails the phase. A url() is only warned of: the sheet compiles, and the page lacks a
picture. So is a data-uri(), of which lessc makes a url() where the file is not there.

Three kinds of places are only reported: packages; what is printed only when it is called for (a mixin, a guard, a
(reference)); and files that no template leads to.

Settings:
    FAB_STATIC_LESS_PREFIXES    (source prefix, static prefix) pairs
    LESS_B3_PATHS               {"variables": "../../shop/less/variables"}: what @{b3-import-variables-x} means
    FAB_STATIC_LESS_MAY_DANGLE  patterns of files whose url() and data-uri() may lead nowhere, beyond those of
                                packages: source paths, or names under the static root
    FAB_STATIC_LESS_OPTIONS     less's options, {"rewriteUrls": "all"}, as for our LessFilter; default: those of the
                                lessc in COMPRESS_PRECOMPILERS
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from django.conf import settings

from fab_static.django_app import compress_blocks, project, static_files, templates
from fab_static.django_app.less_tree import Tree, is_outside
from fab_static.errors import BuildError
from fab_static.plan.less import urls
from fab_static.plan.less.rewriting import (
    leading_replacement,
    replace_b3,
    replace_prefixes,
)
from fab_static.plan.less.sheet import Import, Link, Piece, file_path, line_of
from fab_static.plan.less.walk import Linked, Reached, follow

# From CommCare HQ, where this command comes from: LESS stands six folders below the project there.
PREFIXES = (
    ("../../../../../style/static/style/less/", "../../style/less/"),
    ("../../../../../../bower_components", "../.."),
    ("../../../../../../node_modules", "../.."),
)
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

    `problems` are fatal. `dangling` are the project's own url()s, which a page will ask for in vain. `tolerated` are
    in use, but a package's, or printed only when called for. `unused` are in files that no template leads to.
    `not_known` are links with a variable whose value the text does not tell. `unread` are templates of which we do
    not know what they name.
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
    tree = Tree(root)
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


Spans = dict[str, list[tuple[int, int, str]]]  # file -> what to replace, and by what


def _changes(tree: Tree, used: Collection[str]) -> Spans:
    """Return the spans to replace, by file."""
    wanted, settled = _paths_of_imports(tree, used)
    changes: Spans = defaultdict(list)
    for piece, paths in wanted.items():
        path = _one_path(tree, piece, paths)
        if path is not None:
            changes[piece.file].append((piece.start, piece.end, path))
    pairs = getattr(settings, "FAB_STATIC_LESS_PREFIXES", PREFIXES)
    for name in tree.names:
        for (start, end), old in tree.strings(name):
            new = replace_prefixes(old, pairs)
            is_right = (name, start) in settled or tree.in_root(name, file_path(old))
            if new != old and not is_right:
                changes[name].append((start, end, new))
    return changes


def _paths_of_imports(
    tree: Tree, used: Collection[str]
) -> tuple[dict[Piece, dict[str, bool]], set[tuple[str, int]]]:
    """Return piece -> {what it would have to be: does a page need it?}, and where imports stand that lead somewhere."""
    wanted: dict[Piece, dict[str, bool]] = defaultdict(dict)
    settled: set[tuple[str, int]] = set()
    reached: set[str] = set()
    for entry in [*used, *tree.names]:
        if entry in reached and entry not in used:
            continue  # compiled alone it would miss the variables of the file that imports it
        reached.add(entry)
        for met in follow(entry, tree.sheet, tree.target).imports:
            if met.path is None or met.target is None:
                continue
            reached.add(met.target)
            settled.add((met.file, met.at.start))
            settled.update((piece.file, piece.start) for piece in met.pieces)
            if change := _change_of(tree, met, met.path, met.target):
                wanted[change[0]].setdefault(change[1], entry in used)
    return wanted, settled


def _change_of(tree: Tree, met: Reached, path: str, target: str) -> tuple[Piece, str] | None:
    """Return the piece of an import's path to replace, and by what, or None if it is right."""
    if tree.in_root(met.file, path) == target:
        return None
    right = posixpath.relpath(target, posixpath.dirname(met.file) or ".")
    if path != "".join(piece.text for piece in met.pieces):
        right = right.removesuffix(".less")  # as it is written
    return leading_replacement(met.pieces, right)


def _one_path(tree: Tree, piece: Piece, paths: Mapping[str, bool]) -> str | None:
    """Return what the piece has to be, or None if it would have to be several that no page needs.

    Raises:
        BuildError: pages need several.
    """
    needed = [path for path, is_needed in paths.items() if is_needed] or list(paths)
    if len(needed) == 1:
        return needed[0]
    if not paths[needed[0]]:
        return None
    raise BuildError(
        f'"{piece.text}" would have to be {" and ".join(sorted(needed))}:'
        " files in folders of different depth use it",
        where=f"{piece.file}:{line_of(tree.text(piece.file), piece.start)}",
        mend="give each of these files a variable of its own, or write its path out",
    )


class _Check:
    """Looks up every link that compiling entry files meets; each is told once."""

    def __init__(self, tree: Tree) -> None:
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
            where = "leaves the static root, for" if is_outside(name) else "leads to"
            text = f"{shown} {where} {name}" + ("" if is_outside(name) else ", which is not there")
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
