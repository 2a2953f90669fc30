"""The tasks that print configuration: for nginx, and for CloudFront."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from fab_static.errors import FabStaticError, InventoryError
from fab_static.tasks.ending import task_session
from fab_static.tasks.ours import task
from fab_static.tasks.printing import print_text

if TYPE_CHECKING:
    from fab_static import api
    from fab_static.plan.inventory import Environment, Host


@task(
    help={
        "url": "STATIC_URL or its path (default: the project is asked, on a build or web host)",
        "listen": "what the server listens on: 80, 127.0.0.1:8080",
        "server_name": "the names it answers to (default: the addresses of the static hosts)",
        "host": "for this static host alone (default: for all, or the first where deploy_to differs)",
    }
)
def nginx(
    c: Context,
    url: str | None = None,
    listen: str | None = None,
    server_name: str | None = None,
    host: str | None = None,
) -> None:
    """Look · Print the nginx configuration of static hosts.

    fab production nginx > static.conf
    fab production nginx --server-name "10.0.0.21 cdn.example.com" > static.conf
    """
    from fab_static.plan.nginx import nginx_server, server_names

    with task_session(as_json=True) as session:
        environment = session.environment
        chosen = _chosen(environment, host)
        path = _static_url(session, url)
        other = _unlike(environment, chosen)
        if other:
            chosen = chosen[:1]
            session.show.warn(
                f"this file is for {chosen[0].name} alone, for {other.name} has another deploy_to or kind of "
                f"address; for that one: fab {environment.name} nginx --host {other.name}"
            )
        try:
            text = nginx_server(
                environment.layout(chosen[0]).deploy_to,
                listen or ("[::]:80" if ":" in chosen[0].address else "80"),
                server_name or server_names(environment, chosen),
                url=path,
                precompressed=environment.build.precompress,
                deltas=environment.build.deltas > 0,
            )
        except ValueError as error:
            raise InventoryError(
                str(error), where="the command line", mend="name another"
            ) from error
        print_text(text)


def _chosen(environment: Environment, name: str | None) -> list[Host]:
    """Return the static hosts that the file is for: the one of this name; without a name, all."""
    hosts = {one.name: one for one in environment.with_role("static")}
    if not hosts:
        raise InventoryError(
            "no host is a static host: a bucket is the only origin",
            where=f"fab {environment.name} nginx",
            mend=f"for the bucket: fab {environment.name} cdn-function",
        )
    if name is not None and name not in hosts:
        raise InventoryError(
            f'"{name}" is not a static host; there are: {", ".join(hosts)}',
            where="--host",
            mend="name one of them",
        )
    return [hosts[name]] if name else list(hosts.values())


def _unlike(environment: Environment, hosts: list[Host]) -> Host | None:
    """Return one of these hosts that does not fit into one file with the first, or None if all do."""
    first = hosts[0]
    for other in hosts:
        is_alike = environment.layout(other) == environment.layout(first)
        if not is_alike or (":" in other.address) != (":" in first.address):
            return other
    return None


def _static_url(session: api.Session, url: str | None) -> str:
    """Return the path of STATIC_URL: as the command line says it, else as the project does."""
    from fab_static.phases.run.settings import UnsetError
    from fab_static.plan.expectations import url_path

    if url is not None:
        return url_path(url)
    try:
        return session.static_url()
    except UnsetError as error:  # nothing is guessed where the project has answered
        raise UnsetError(
            error.what, where=error.where, mend=f"{error.mend}; or name the path with --url"
        ) from error
    except FabStaticError as error:
        session.show.warn(
            f"the project could not be asked for its STATIC_URL ({error.what}): /static/ is printed; "
            "name another with --url"
        )
        return "/static/"


@task(help={"url": "STATIC_URL or its path (default: the project is asked)"})
def cdn_function(c: Context, url: str | None = None) -> None:
    """Look · Print what makes ?version= exact on S3.

    fab production cdn-function > function.js
    """
    from fab_static.plan.cdn import version_function

    with task_session(as_json=True) as session:
        try:
            print_text(version_function.source(_static_url(session, url)))
        except ValueError as error:
            raise InventoryError(str(error), where="--url", mend="name another") from error
