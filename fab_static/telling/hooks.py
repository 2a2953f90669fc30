"""Runs the inventory's hooks on the operator's machine, with a JSON summary on standard input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fab_static import interruption
from fab_static.errors import BuildError
from fab_static.plan.inventory import Environment
from fab_static.show import Show

MOST_OUTPUT = 1_000_000  # bytes of one hook that are shown and logged; the rest is read and dropped
LOOK_SECONDS = 0.02  # until it is looked again whether a hook has ended
LAST_WORDS_SECONDS = 1.0  # a program that the hook has started may hold its output open for ever


class HookFailedError(Exception):
    """A hook did not end well; the text says how."""


def run(
    environment: Environment, folder: Path, show: Show, summary: Mapping[str, Any], *, must: bool
) -> None:
    """Run the commands of the summary's event, in this folder, each for `hooks.timeout` at most.

    Raises:
        BuildError: one failed, and it must not. Else it is only told: a deploy that is live stays so.
    """
    event = str(summary["event"])
    text = json.dumps(summary).encode()
    for command in environment.hooks.get(event, ()):
        show.say(f"runs the hook {event}: {command}")
        try:
            _run(
                command,
                text,
                folder,
                environment.hooks_timeout,
                lambda data: show.output(event, data),
            )
        except (HookFailedError, OSError, KeyboardInterrupt) as error:
            failed = f"the hook {event} {_how(error)}: {command}"
            if not must:
                show.warn(failed)
                continue
            if isinstance(error, KeyboardInterrupt):
                raise
            raise BuildError(
                failed,
                where=f"hooks.{event}",
                mend="mend the command, or raise hooks.timeout; nothing was built",
            ) from error
        finally:
            show.output(event, b"\n")  # a last line that does not end


def _how(error: BaseException) -> str:
    if isinstance(error, HookFailedError):
        return str(error)
    if isinstance(error, OSError):
        return f"could not be started ({error.strerror or error})"
    return "was ended by your interruption"


def _run(
    command: str, text: bytes, folder: Path, limit: float, show: Callable[[bytes], None]
) -> None:
    """Run a hook until it ends; what it has started in the background may go on.

    Raises:
        HookFailedError: it failed, or was ended after `limit` seconds.
        OSError: it could not be started.
    """
    process = subprocess.Popen(  # noqa: S603 - the inventory's own command
        ["/bin/sh", "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        cwd=folder,
        start_new_session=True,  # so that all it has started can be ended with it
    )
    ended = threading.Event()
    # threads of their own: a hook may never read, and what it started may hold its output for ever
    threading.Thread(target=_feed, args=(process, text), daemon=True).start()
    reader = threading.Thread(target=_read, args=(process, show, ended), daemon=True)
    reader.start()
    try:
        with interruption.answerable():
            code = process.wait(limit)
    except subprocess.TimeoutExpired:
        _end(process)
        raise HookFailedError(f"was ended after {limit:g} seconds (hooks.timeout)") from None
    except BaseException:
        _end(process)
        raise
    finally:
        reader.join(LAST_WORDS_SECONDS)
        ended.set()
    if code != 0:
        raise HookFailedError(f"failed with exit code {code}")


def _feed(process: subprocess.Popen[bytes], text: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    rest = memoryview(text)
    with process.stdin, suppress(OSError):  # it need not read what it is told
        while rest:
            rest = rest[os.write(process.stdin.fileno(), rest) :]


def _read(
    process: subprocess.Popen[bytes], show: Callable[[bytes], None], ended: threading.Event
) -> None:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    room = MOST_OUTPUT
    with process.stdout:
        while data := os.read(process.stdout.fileno(), 65536):
            if ended.is_set() or room <= 0:
                continue  # read anyway: else a hook that prints much would wait for ever
            show(data[:room])
            room -= len(data)
            if room <= 0:
                show(b"\n(it prints more than is kept)\n")


@interruption.whole
def _end(process: subprocess.Popen[bytes]) -> None:
    """End a hook with all of its process group; what is left of it after a moment is killed."""
    with suppress(ProcessLookupError):  # all of the group has ended
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        while time.monotonic() < deadline:
            process.poll()  # else it stays in the group
            os.killpg(process.pid, 0)
            time.sleep(LOOK_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
