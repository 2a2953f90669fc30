"""What a run reads and writes of files whose states the caller keeps: the static root, for one."""

from __future__ import annotations

import os
from typing import Any, Iterable

from fab_static.host.project.reads.paths import absolute, forms, is_to_write
from fab_static.host.project.reads.states import Input, state_of

CHANGES = {  # events that name what they change: which arguments do
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.mkdir": (0,),
    "os.symlink": (1,),
    "os.link": (1,),
    "os.truncate": (0,),
}


class Inside:
    """What a run reads and writes of files whose states the caller keeps: the static root's, for one."""

    def __init__(self) -> None:
        self.roots: tuple[str, ...] = ()  # as paths begin
        self._looks: set[tuple[str, tuple[str, ...]]] = set()  # path, aspects
        self._writes: set[str] = set()
        self._parts: dict[str, dict[str, Any]] = {}  # path -> name -> value

    def add(self, path: str) -> None:
        """Note from now on what is read and written of a file, or of all in a folder."""
        self.roots = tuple({*self.roots, *forms(path)})

    def __contains__(self, path: str) -> bool:
        return (path + "/").startswith(self.roots)

    def looked(self, path: str, aspects: tuple[str, ...]) -> None:
        """Note a look at aspects of a path, unless the run itself made them."""
        if path not in self._writes:
            self._looks.add((path, aspects))

    def wrote(self, path: str) -> None:
        """Note that a file was written, or that a name came or went."""
        self._writes.add(path)

    def opened(self, path: str, mode: Any, flags: Any) -> None:
        """Note what an opening reads, and whether it writes."""
        writes = is_to_write(mode, flags)
        is_new = "x" in mode if isinstance(mode, str) else flags & os.O_EXCL
        is_emptied = "w" in mode if isinstance(mode, str) else flags & os.O_TRUNC
        if is_new:
            self.looked(path, ("kind",))
            writes = not os.path.lexists(path)
        elif not (writes and is_emptied):
            self.looked(path, ("bytes",))
        if writes and not os.path.isdir(path):  # tempfile says that it writes to the folder
            self._writes.add(path)

    def changed(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what one of CHANGES depends on, and what it changes, if it will."""
        paths = [absolute(each) for each in arguments[: 1 + max(CHANGES[event])]]
        inside = [path if path and path in self else None for path in paths]
        first, last = paths[0], inside[-1]
        if inside[0]:
            # what is moved, linked or cut off is what is left; else it succeeds, or does not
            moves = event in ("os.rename", "os.link", "os.symlink", "os.truncate")
            is_tree = event == "os.rename" and state_of("kind", inside[0]) == "folder"
            self.looked(inside[0], ("tree" if is_tree else "bytes" if moves else "kind",))
            if event == "os.rmdir":
                self.looked(inside[0], ("names",))
        if event in ("os.link", "os.symlink") and last:
            self.looked(last, ("kind",))
        fails = event in ("os.link", "os.symlink", "os.mkdir") and last and os.path.lexists(last)
        if fails or (event in ("os.rename", "os.link") and first and not os.path.lexists(first)):
            return
        self._writes.update(path for at in CHANGES[event] if (path := inside[at]))

    def asked(self, path: str, name: str, value: Any) -> None:
        """Note that a part of a file was asked for."""
        if path in self and path not in self._writes:
            self._parts.setdefault(path, {})[name] = value

    def document(self, read: Iterable[Input], written: Iterable[str]) -> dict[str, Any]:
        """Return `reads`, aspects and paths; the paths of `writes`; and `parts` asked for.

        Args:
            read: what was noted before it was said that this lies inside.
            written: likewise.
        """
        reads = {(aspect, path) for path, aspects in self._looks for aspect in aspects}
        reads.update(each for each in read if each[1] in self)
        writes = {*self._writes, *(path for path in written if path in self)}
        return {"reads": sorted(reads), "writes": sorted(writes), "parts": self._parts}
