"""Has `ssh -G` say what OpenSSH's configuration makes of a host."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fab_static.errors import InventoryError
from fab_static.remote.ssh.settings import Values

PROGRAM = "ssh"
NO_ACCOUNT = b"No user exists for uid"  # its words where it cannot work at all
# A line may choose them. Else `ssh -G` prints what this ssh would ask for, which the client's own list stands for.
CHOSEN = ("ciphers", "macs", "kexalgorithms")
ANSWER_SECONDS = 15.0  # how long `Match exec` and names that are looked up may take


@dataclass(frozen=True)
class Asked:
    """One host to ask for: its word, and what stands over the configuration."""

    alias: str
    user: str | None = None
    port: int | None = None
    jump: str | None = None  # as -J takes it; "none" for no jump host
    file: str | None = None  # instead of the configuration's usual files
    spelt: str = field(default="", compare=False)  # as it was written: with user and port

    @property
    def options(self) -> list[str]:
        """What ssh is given, to work as this host wants it."""
        given = (("-F", self.file), ("-l", self.user), ("-p", self.port))
        words = [word for flag, value in given if value for word in (flag, str(value))]
        if self.jump:
            words += ["-o", f"ProxyJump={self.jump}"]
        return words

    @property
    def by_hand(self) -> str:
        """The command by which a person reaches the host."""
        given = (("-F", self.file), ("-J", self.jump), ("-p", self.port))
        words = [word for flag, value in given if value for word in (flag, shlex.quote(str(value)))]
        user = f"{self.user}@" if self.user else ""
        return " ".join([PROGRAM, *words, f"{user}{self.alias}"])


def answer_of_ssh(asked: Asked) -> tuple[Values, list[Path]]:
    """Return what ssh makes of its configuration for a host, and which files it read for that.

    Raises:
        InventoryError: it refuses the configuration, with its own words.
        FileNotFoundError: there is no ssh, or none that works here.
    """
    said = _run(["-v", *asked.options, "--", asked.alias], asked.alias)
    found = re.findall(r"^debug1: Reading configuration data (.+?)\r?$", _text(said.stderr), re.M)
    files = [Path(file) for file in found]
    values = parsed(said.stdout.decode(errors="surrogateescape"))
    return _chosen(values, files, asked.alias), files


def _chosen(values: Values, files: Sequence[Path], alias: str) -> Values:
    """Return the values without those of CHOSEN that no line has chosen."""
    usual = values
    if any(map(_may_choose, files)):
        usual = values_of_ssh(["-F", "none", "--", alias], alias)
    return {
        key: value for key, value in values.items() if key not in CHOSEN or value != usual.get(key)
    }


def _may_choose(file: Path) -> bool:
    """Tell whether a file of the configuration may hold a line that chooses any of CHOSEN."""
    try:
        text = file.read_text("utf-8", errors="replace").lower()
    except OSError:
        return True
    return any(word in text for word in CHOSEN)


def values_of_ssh(words: Sequence[str], alias: str) -> Values:
    """Return what `ssh -G` prints, given these words.

    Raises:
        InventoryError: it refuses, with its own words.
        FileNotFoundError: there is no ssh, or none that works here.
    """
    return parsed(_run(words, alias).stdout.decode(errors="surrogateescape"))


def _run(words: Sequence[str], alias: str) -> subprocess.CompletedProcess[bytes]:
    try:
        ran = subprocess.run(  # noqa: S603 - the operator's own ssh, no shell between
            [PROGRAM, "-N", "-G", *words],  # -N: ForkAfterAuthentication wants a command else
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InventoryError(
            f"ssh's configuration for {alias} was not read after {ANSWER_SECONDS:g} seconds",
            where=f"ssh -G {alias}",
            mend="see what it waits for: a command of `Match exec`, or a name that is looked up",
        ) from error
    if ran.returncode and NO_ACCOUNT in ran.stderr:  # a container whose user is a number alone
        raise FileNotFoundError(f"{PROGRAM} works for accounts alone")
    if ran.returncode:
        said = _sentences(ran.stderr) or f"exit status {ran.returncode}"
        raise InventoryError(
            f"ssh refuses its configuration for {alias}: {said}",
            where=f"ssh -G {alias}",
            mend=f"mend the line that it names, until this works: ssh -G {alias}",
        )
    return ran


def parsed(text: str) -> dict[str, list[str]]:
    """Return the lines of `ssh -G` by keyword, in order."""
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        values.setdefault(key.lower(), []).append(value)
    return values


def _sentences(stderr: bytes) -> str:
    lines = _text(stderr).splitlines()
    passed = ("debug1:", "OpenSSH_", "Pseudo-terminal")
    return "; ".join(line.strip() for line in lines if line and not line.startswith(passed))


def _text(stderr: bytes) -> str:
    return stderr.decode(errors="replace")
