"""Deploy the static files of a Django project to a fleet, from a fabfile.

`plan` decides, `phases` act, `remote` carries, `host` works; `tasks` speaks, `report` shows:

    plan/         pure decisions: inventory, order of the build, versions, LESS imports, invalidations
    phases/       one file a phase, from collectstatic to prune
    remote/       SSH connections, the channel to each host's agent, work on all hosts; alone imports fabric
    workers.py    threads that nobody waits for
    interruption.py  how Ctrl-C is answered, and what it waits for
    host/         what is sent to the hosts: agent.py; for the project's interpreter django_probe.py,
                  template_lint.py, and reads.py, by which a phase is known to need no second run
    aws/          CloudFront and S3; alone imports boto3
    report/       what the operator sees: terminal, live table, HTML report, archive of runs
    timeline.py   what ran when, and where; summary.py: what a run did, for hooks.py, notify.py, the report
    look.py       what status, releases, diff and plan tell; why.py; the doctors of hosts, CDN and bucket
    api.py        every task as a plain Python call
    tasks.py      the command line: fab <environment> <task>
    django_app/   runs inside the project: tags and management commands

In a fabfile: `from fab_static import namespace`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from invoke.collection import Collection

    namespace: Collection


def __getattr__(name: str) -> Any:
    """Make `namespace` for the fabfile that asks for it; a Django project never loads Fabric."""
    if name == "namespace":
        try:
            from fab_static.tasks import calling_folder, namespace_beside
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"{error}: the operator's machine needs pip install 'fab-static[deploy]'",
                name=error.name,
            ) from error
        return namespace_beside(calling_folder())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["namespace"]
