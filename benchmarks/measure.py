"""What a run costs: seconds, and CPU seconds of all processes it starts, on this machine's hosts too.

The machine may be busy with other things, so ways that are compared run in turn, round by round, the figure is
the median, and CPU seconds stand beside the clock's.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds by the clock, and CPU seconds of our whole tree of processes."""

    seconds: float
    cpu: float


def cost(work: Callable[[], Any]) -> Cost:
    """Do it once, and return what it cost."""
    adopt_orphans()
    started, used = time.perf_counter(), cpu_seconds()
    work()
    return Cost(time.perf_counter() - started, cpu_seconds() - used)


def in_turn(
    ways: Mapping[str, Callable[[], Any]],
    times: int,
    tell: Callable[[str], None],
    before: Callable[[int], Any] = lambda _: None,
) -> dict[str, list[Cost]]:
    """Run all ways in turn, round by round; return what each cost each time.

    Args:
        ways: name -> what is measured; a Cost that it returns is taken in place of the measured one.
        times: rounds.
        tell: is told of each run.
        before: sets each round up, given its number; not measured.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for number in range(times):
        before(number)
        for name, work in ways.items():
            answer: list[Any] = []
            spent = cost(lambda work=work, answer=answer: answer.append(work()))  # type: ignore[misc]
            costs[name].append(answer[0] if isinstance(answer[0], Cost) else spent)
            tell(
                f"{number + 1}/{times} {name}: {costs[name][-1].seconds:.2f} s, "
                f"{costs[name][-1].cpu:.2f} CPU s"
            )
    return costs


def adopt_orphans() -> None:
    """Become the parent of what our processes leave behind, so that its CPU time is counted too."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and all its descendants, ended ones included."""
    stats = {pid: stat for pid in _pids() if (stat := _stat(pid))}
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(int(stat[1]), []).append(pid)
    ticks, waiting = 0, [os.getpid()]
    while waiting:
        pid = waiting.pop()
        # utime, stime, and those of its children that it waited for: proc_pid_stat(5)
        ticks += sum(map(int, stats[pid][11:15]))
        waiting += children.get(pid, [])
    return ticks / _TICKS


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208


def _stat(pid: int) -> list[str]:
    """Return a process's fields from its state on; [] when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


# A process begins with the memory of who starts it, which counts: so that is a small one, and not this one.
_PEAK = """
import os, sys
process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(process, 0)
open(sys.argv[1], "w").write(str(used.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status) and 1)
"""


def peak_megabytes(command: Sequence[str | Path], **options: Any) -> float:
    """Run a command, by its path; return the most memory that it held itself, without what it started, in MB."""
    with tempfile.NamedTemporaryFile("r") as told:
        subprocess.run([sys.executable, "-ISc", _PEAK, told.name, *command], check=True, **options)
        return int(told.read()) * 1024 / 1e6
