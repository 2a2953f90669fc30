"""The program `fab-static`: `init` where no fabfile is yet, and our version beside Fabric's."""

from __future__ import annotations

from importlib.metadata import version

from invoke.collection import Collection
from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from fab_static.errors import BAD_INPUT
from fab_static.tasks.beginning import init
from fab_static.tasks.ours import folded
from fab_static.tasks.reader import end_with_reader


class FabStatic(Program):
    """A command line with one task; the others need a fabfile, and are called with `fab`."""

    def print_version(self) -> None:
        """Print our version, and those of what we stand on."""
        for name in ("fab-static", "Fabric", "Paramiko", "Invoke"):
            print(f"{name} {version(name)}")  # noqa: T201 - as Fabric's own --version does

    def parse_tasks(self) -> None:
        """Read the words of the command line.

        Raises:
            Exit: they name another task than `init`.
        """
        try:
            super().parse_tasks()
        except ParseError as error:
            words = " ".join(self.core.unparsed)
            raise Exit(
                f"fab-static knows `init` alone. Beside a fabfile: fab {words}", code=BAD_INPUT
            ) from error


init.__doc__ = folded(init.__doc__ or "")
program = FabStatic(name="fab-static", binary="fab-static", namespace=Collection(init))
end_with_reader(program)
