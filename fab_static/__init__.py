"""Deploy the static files of a Django project to a fleet, from a fabfile.

`plan` decides, `phases` act, `remote` carries, `host` works; `tasks` speaks, `report` shows:

    plan/         DECIDES: inventory, order of the build, versions, LESS, what caches must forget; values in, values out
    phases/       ACTS: one file for each phase, from collectstatic to prune; run/ holds what phases share
    remote/       CARRIES: SSH as ssh does it, frames, what is sent to a host; alone imports paramiko
    host/         WORKS ON A HOST, with the standard library alone: the agent, and what runs in the project's interpreter
    aws/          speaks to CloudFront and S3; alone imports boto3
    doctor/       what is wrong, and the cure      looking/   what status, releases, diff, plan and why tell
    telling/      hooks, a webhook, the summary    report/    what the operator sees: terminal, HTML report, archive
    django_app/   RUNS INSIDE THE PROJECT: tags and management commands

    api.py        every task as a plain Python call; sessions/: what stands behind it
    tasks/        SPEAKS: the command line, fab <environment> <task>; alone imports invoke, prints and exits
    errors.py     the one tree of errors      interruption.py  how Ctrl-C is answered, and what it waits for
    timeline.py   what ran when, and where    workers.py       threads that nobody waits for
    show.py       what shows a run, whoever gives it

In a fabfile: `from fab_static import namespace`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # an agent of this machine loads no typing
if TYPE_CHECKING:
    from typing import Any

    from invoke.collection import Collection

    namespace: Collection


def __getattr__(name: str) -> Any:
    """Make `namespace` for the fabfile that asks for it; a Django project never loads Fabric."""
    if name == "namespace":
        try:
            # in this order: Ctrl-C is answered before anything that takes long is loaded
            from fab_static.tasks import first_line

            folder = first_line.calling_folder()
            first_line.begin(folder)
            from fab_static.tasks.namespace import namespace_beside
        except ModuleNotFoundError as error:
            from fab_static.errors import lacking  # not above: a Django project needs none

            raise lacking(error) from error
        return namespace_beside(folder)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["namespace"]
