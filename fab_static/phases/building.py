"""How every build phase runs: on the state that the phase before it left, and keeping the state it leaves.

The static root is the project's own. After each phase its state is kept as objects, so that a phase can
be rerun by hand, or resumed after a failure, on exactly what it would have met in a whole build:
neither r.js nor a LESS fix that is not idempotent ever works on its own output.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fab_static.errors import BuildError
from fab_static.phases.deployment import Deployment
from fab_static.plan.build_order import PHASES, after


def build_phase(
    deploy: Deployment, name: str, *, check: Callable[[], Mapping[str, Any]] = dict
) -> None:
    """Run one build phase on the build host, and keep the static root's state after it.

    Args:
        deploy: what to work on.
        name: the phase.
        check: looks at the result before it counts; raises BuildError. What it returns is kept in the journal.

    Raises:
        BuildError: the command is missing, failed, or its result does not hold.
    """
    environment = deploy.environment
    configured = environment.build.phases
    facts = deploy.facts(deploy.build)
    if not facts["static_root"]:
        raise BuildError(
            "the setting STATIC_ROOT is empty",
            where=f"{deploy.build.name}: settings {environment.project.settings or 'of manage.py'}",
            mend="set it to a folder of its own, which collectstatic fills",
        )
    text = environment.build.commands.get(name, PHASES[name].command)
    _command_exists(deploy, name, text)
    started = time.monotonic()
    base = deploy.journal.base_of(name, configured)
    if base is None and name != configured[0]:
        raise BuildError(
            f"{name} works on what {configured[0]} leaves, and that never ran",
            where=f"{deploy.build.name}: {facts['static_root']}",
            mend=f"run it first: fab {environment.name} {task_name(configured[0])} {task_name(name)}",
        )
    with _manifests_as_files(deploy):
        before = b""
        if base is not None:
            before = _restore(deploy, base)
        elif name == "collectstatic":
            _empty(deploy)
        deploy.project(deploy.build).run(
            text, lambda data: deploy.show.output(deploy.build.name, data)
        )
        found = check()
        head, listing = deploy.build.ask(
            "snapshot", before, root=facts["static_root"], extra=facts["versions_files"]
        )
    written = [path for path, known in json.loads(listing)["extra"].items() if known]
    if written and facts["resource_versions"] not in written:
        deploy.forget_facts(deploy.build)  # it has the name that the project's own command gave it
    deploy.journal.done(
        name,
        at=time.time(),
        seconds=round(time.monotonic() - started, 3),
        by=deploy.operator,
        listing=head["listing"],
        **found,
    )


def made_stale(deploy: Deployment, name: str) -> tuple[str, ...]:
    """Return the later phases that a rerun of this one has made stale."""
    return (*after(name, deploy.environment.build.phases), "seal")


def task_name(phase: str) -> str:
    """Return the word by which the command line knows a phase."""
    return phase.replace("_", "-")


def _command_exists(deploy: Deployment, name: str, text: str) -> None:
    words = text.split()
    commands = deploy.facts(deploy.build)["commands"]
    if words[0] == "manage.py" and words[1] not in commands:
        raise BuildError(
            f"the project has no management command {words[1]}",
            where=f"{deploy.build.name}: phase {name}",
            mend="add the app that has it to INSTALLED_APPS "
            "(django.contrib.staticfiles has collectstatic, compressor compress, statici18n compilejsi18n, "
            "fab_static.django_app fix_less_imports_collectstatic, resource_static, build_requirejs), or take "
            f"{name} out of build.phases in inventories/{deploy.environment.name}.yml",
        )


def _empty(deploy: Deployment) -> None:
    """Empty the static root: a warm collectstatic trusts file times, and keeps what was removed."""
    facts = deploy.facts(deploy.build)
    keep = {
        "the project": deploy.project(deploy.build).path,
        "deploy_to": str(deploy.build.layout.deploy_to),
        **{f"STATICFILES_DIRS {folder}": folder for folder in facts["staticfiles_dirs"]},
    }
    deploy.build.ask("empty", root=facts["static_root"], keep=keep)


def _restore(deploy: Deployment, base: str) -> bytes:
    """Make the static root what it was after the base phase; return that state's listing."""
    _, listing = deploy.build.ask("read_object", object=deploy.journal.phases[base]["listing"])
    facts = deploy.facts(deploy.build)
    deploy.build.ask("restore", listing, root=facts["static_root"])
    return listing


@contextmanager
def _manifests_as_files(deploy: Deployment) -> Iterator[None]:
    """On a host that builds and renders, keep the build from writing through links into what is live."""
    if "web" not in deploy.build.roles:
        yield
        return
    links = deploy.links(deploy.build)
    head, _ = deploy.build.ask("lift", links=links)
    try:
        yield
    finally:
        if head["lifted"]:
            deploy.build.ask("lower", links=links, lifted=head["lifted"])
