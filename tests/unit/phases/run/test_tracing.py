"""Whether a build host can trace, and which phases always run because it cannot."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.phases.run.tracing import always_running, in_words, why_not
from fab_static.remote import Ran


@pytest.mark.parametrize(
    ("ran", "why"),
    [
        (Ran(7, ""), ""),
        (Ran(127, "strace: No such file or directory"), "strace is not installed"),
        (Ran(1, "strace: not permitted\nmore"), "strace may not trace: strace: not permitted"),
        (Ran(0, ""), "strace may not trace: exit code 0"),
    ],
)
def test_a_trial_says_whether_it_can_trace(ran: Ran, why: str) -> None:
    host: Any = SimpleNamespace(run=lambda _: ran)
    assert why_not(host) == why


def test_only_phases_count_that_the_inventory_still_has_and_that_strace_would_help() -> None:
    entries = {
        "compress": {"seconds": 2.0, "unseen": "it started lessc, and strace is not installed"},
        "vite": {"seconds": 3.0, "unseen": "it asked the network"},
        "gone": {"seconds": 4.0, "unseen": "it started sh, and strace is not installed"},
    }
    deploy: Any = SimpleNamespace(
        journal=SimpleNamespace(phases=entries),
        environment=SimpleNamespace(build=SimpleNamespace(phases=("vite", "compress"))),
    )
    assert always_running(deploy) == {"compress": 2.0}


def test_a_program_whose_reads_nobody_sees_is_told_with_what_ends_that():
    assert in_words("it started lessc, and strace is not installed; it forked") == (
        "starts lessc, whose reads cannot be seen: strace is not installed; it forked; strace on the build host "
        "ends that, and so does LessFilter in place of lessc (docs/build.md)"
    )
    assert in_words("it asked the network") == "it asked the network"
