"""A host is sent what its role needs of host/project/."""

from __future__ import annotations

from fab_static.host import loader
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
