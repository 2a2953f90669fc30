"""One call of a command: what it is known by, its temporary files, and what it read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from typing import Any, Iterator, Sequence

from fab_static.host.project.reads import compared
from fab_static.host.project.reads.paths import forms
from fab_static.host.project.reads.states import Row
from fab_static.host.project.traces import temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

FORMAT = 1
SHELL = "/bin/sh"  # as subprocess has it
_SHOWN = 60  # characters of a style element that a message shows


class Call:
    """A call that compressor is about to make.

    Args:
        command: as the settings have it, with {infile} and {outfile}.
        options: what stands for the other words in braces.
        content: the source.
        file: where the source stands; None: in a page.
        more: what else its result depends on: the kind of output, the encodings.
        folder: where it runs; None: where we do.
    """

    def __init__(
        self,
        command: str,
        options: Sequence[object],
        content: str,
        file: str | None,
        more: Sequence[object],
        folder: str | None,
    ) -> None:
        self.command = command
        self.content = content
        self.file = file
        self.folder = os.path.abspath(folder or os.getcwd())
        parts = [FORMAT, command, sorted(map(str, options)), content, file, list(map(str, more))]
        self.key = hashlib.sha256(
            json.dumps(["precompiler", *parts, self.folder]).encode()
        ).hexdigest()
        self.inputs: list[Row] = []
        # why what it made must not be kept
        self.why_not: str | None = "nobody saw what it read"
        self._own: str | None = None

    @property
    def program(self) -> str:
        """The name of the program, as messages show it."""
        return os.path.basename(self.command.split()[0]) if self.command.split() else self.command

    @property
    def where(self) -> str:
        """The source, as messages show it."""
        if self.file:
            return self.file
        words = " ".join(self.content.split())
        return "the style element `{}`".format(
            words if len(words) <= _SHOWN else words[:_SHOWN] + "…"
        )

    def given(self, salt: str) -> dict[str, Any]:
        """Return what else it is given: its environment, the shell."""
        return compared.given([SHELL, self.command], self.folder, os.environ, salt)

    @contextlib.contextmanager
    def temporary_files(self) -> Iterator[None]:
        """Have a folder of its own for its files: their names are the same each time, and what it leaves there goes."""
        self._own = temporary.folder()
        sys.audit("fab_static.cache", self._own)  # for whoever records this process: no input
        try:
            yield
        finally:
            shutil.rmtree(self._own, ignore_errors=True)

    def temporary_file(self, mode: str = "w+b", suffix: str = "") -> IO[Any]:
        """Open one of its files, in the place of compressor's NamedTemporaryFile."""
        assert self._own is not None  # noqa: S101  # within temporary_files()
        name = ("infile" if "w" in mode else "outfile") + suffix
        path = os.path.join(self._own, name)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return open(path, mode)

    def has_read(
        self, inputs: Sequence[Row], written: Sequence[str], unseen: Sequence[str]
    ) -> None:
        """Note what it read and wrote; `unseen`: why it may have read more."""
        self.inputs = [row for row in inputs if not self._is_own(row[1])]
        elsewhere = [f"it wrote {path}" for path in written if not self._is_own(path)]
        # postcss looks at its outfile before it writes it; that is empty each time
        others = [why for why in unseen if not why.startswith(f"it read {self._own}/")]
        self.why_not = next(iter([*others, *elsewhere]), None)

    def made(self, text: str) -> None:
        """Note what it made."""
        if self._own and os.path.basename(self._own) in text:
            self.why_not = self.why_not or "its output names a temporary file"

    def _is_own(self, path: str) -> bool:
        assert self._own is not None  # noqa: S101  # within temporary_files()
        return (path + "/").startswith(tuple(forms(self._own)))
