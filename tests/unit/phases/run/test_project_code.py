"""A host is sent what its role needs of host/project/."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from fab_static.host import loader
from fab_static.phases.run import project_code
from fab_static.phases.run.project_code import (
    OF_BUILDS,
    PRECOMPILERS,
    PROBE,
    RECORDER,
    project_archive,
)

ROOM = "fab_static_sent.host.project."  # by which its modules are imported there


def modules(*, builds: bool) -> set[str]:
    found = loader.sources_in(project_archive(builds=builds))
    return {loader.name_of(path) for path in found}


def test_a_host_that_only_renders_is_sent_no_module_of_builds() -> None:
    assert modules(builds=True) - modules(builds=False) == {ROOM + name for name in OF_BUILDS}


def test_what_a_projects_python_is_started_with_is_sent() -> None:
    assert {PROBE, RECORDER, PRECOMPILERS} <= modules(builds=True)
    assert {PROBE, RECORDER} <= modules(builds=False)


def test_hosts_that_are_asked_at_once_have_it_packed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight web hosts had it deflated eight times, which took longer than to ask them."""
    count = 4
    started = threading.Barrier(count)
    packed: list[bool] = []

    def pack(*_: object, without: Sequence[str]) -> bytes:
        packed.append(bool(without))
        return zlib.compress(b"{}")

    def asked(_: int) -> bytes:
        started.wait()
        return project_archive(builds=False)

    monkeypatch.setattr(project_code, "archive", pack)
    project_code._archive.cache_clear()
    try:
        with ThreadPoolExecutor(count) as threads:
            found = {*threads.map(asked, range(count))}
    finally:
        project_code._archive.cache_clear()
    assert (len(found), packed) == (1, [True])
