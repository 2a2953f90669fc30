"""What holds for every test."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

# where our programs keep logs and reports, unless they are told otherwise
KEPT = Path("~/.local/state/fab_static").expanduser()
BEFORE = {*KEPT.rglob("*")}


def pytest_configure(config) -> None:
    """Let programs under test get Ctrl-C and a closed terminal, also where nobody else gets them here.

    A process that `nohup` started, or a shell in its background, ignores them, and so do its children.

    Logs, reports and caches of tests go into a folder that goes with them: the developer may have a `shop` in production.
    What pip has fetched stays where it is.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    state = tempfile.mkdtemp(prefix="fab-static-state-")
    os.environ["XDG_STATE_HOME"] = state
    os.environ.setdefault("PIP_CACHE_DIR", str(Path("~/.cache/pip").expanduser()))
    os.environ["XDG_CACHE_HOME"] = f"{state}/cache"
    config.add_cleanup(lambda: shutil.rmtree(state, ignore_errors=True))


def pytest_sessionfinish(session) -> None:
    """Fail when a test wrote below the home; in CI alone: elsewhere the developer may deploy meanwhile."""
    written = {*KEPT.rglob("*")} - BEFORE
    if written and os.environ.get("CI"):
        print(f"\ntests wrote below the home: {sorted(map(str, written))[:5]}")  # noqa: T201
        session.exitstatus = 1
