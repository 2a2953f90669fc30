"""What a phase of the project's own makes in the checkout: kept when it has run, put back when it need not run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from fab_static import interruption
from fab_static.errors import BuildError
from fab_static.phases.run import listings
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.build_order import OwnPhase, is_of_sources
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wording import counted, indented

SHOWN = 10  # paths named in one message


def refuse_unfit(deploy: Deployment, own: OwnPhase) -> None:
    """Refuse `writes` that cannot be kept and put back.

    Raises:
        BuildError: they hold sources, or lie where collectstatic begins again.
    """
    project = deploy.project(deploy.build)
    where = f"inventories/{deploy.environment.name}.yml: build.phases, {own.name}"
    inside = _in_static_root(deploy, own)
    if inside and is_of_sources(own.name, deploy.order):
        raise BuildError(
            f"{own.name} writes {inside[0]}, which lies in STATIC_ROOT, and collectstatic empties that after it",
            where=where,
            mend="put it after collectstatic in build.phases, or have it write to a folder that finders read",
        )
    if not own.writes:
        return
    ran = deploy.build.run(["git", "ls-files", "-z", "--", *own.writes], folder=project.path)
    tracked = [path for path in ran.output.split("\0") if path] if ran.code == 0 else []
    if tracked:
        raise BuildError(
            f"`writes` holds {counted(len(tracked), 'file')} that git tracks, and putting back what {own.name} made "
            "would put back these:\n" + indented(tracked, SHOWN),
            where=where,
            mend="name a folder that holds nothing but what the phase makes, and let git ignore it",
        )


def refuse_leading_out(deploy: Deployment, own: OwnPhase) -> None:
    """Refuse to run a phase that would write through a link into another place than the checkout."""
    folder = deploy.project(deploy.build).path
    request = asks.KeepWrites(folder=folder, paths=list(own.writes))
    deploy.build.ask(verbs.GUARD_WRITES, request)


def keep(deploy: Deployment, own: OwnPhase) -> str | None:
    """Keep what a phase has made; return the listing of it, and None where that is all in the static root.

    Raises:
        BuildError: it has not made all that it says it writes.
    """
    paths = [path for path in own.writes if path not in _in_static_root(deploy, own)]
    if not paths:
        return None
    folder = deploy.project(deploy.build).path
    kept, _ = deploy.build.ask(verbs.KEEP_WRITES, asks.KeepWrites(folder=folder, paths=paths))
    if kept["absent"]:
        raise BuildError(
            f"{own.name} ended well, and has not made {', '.join(kept['absent'])}",
            where=f"{deploy.build.name}: {folder}",
            mend="correct its `writes` in the inventory, or see what its line does: it is in the log",
        )
    return kept["listing"]


def made_by_builds(deploy: Deployment) -> list[str]:
    """Return what is in the checkout after a build, and not in a fresh one: on a web host links stand there."""
    folder, facts = PurePosixPath(deploy.project(deploy.build).path), deploy.facts(deploy.build)
    own = deploy.environment.build.own.values()
    found = [str(folder / path) for one in own for path in one.writes]
    return [*found, *filter(None, (facts["static_root"], facts["resource_versions"]))]


def put_back(deploy: Deployment, listing: str) -> None:
    """Make the files and folders of a phase what a listing says.

    Raises:
        DamagedError: the build host has lost the listing.
    """
    folder = deploy.project(deploy.build).path
    request = asks.PutWritesBack(folder=folder, listing=listing)
    with listings.needed(deploy, listing):
        deploy.build.ask(verbs.PUT_WRITES_BACK, request)


def put_back_of_earlier(deploy: Deployment, name: str) -> None:
    """Have a phase meet what those of the project's own before it have made.

    On a host that also renders, manifests are links into what is live between two phases.
    """
    for listing in _of_earlier(deploy, name):
        put_back(deploy, listing)


def manifests_before(deploy: Deployment, name: str) -> dict[str, str]:
    """Return which manifests a phase would not meet as they are now: link -> the object that it meets there."""
    found: dict[str, str] = {}
    for listing in _of_earlier(deploy, name):
        made = listings.read(deploy, listing)["files"]
        folder = PurePosixPath(deploy.project(deploy.build).path)
        for link in deploy.links(deploy.build):
            path = PurePosixPath(link)
            if path.is_relative_to(folder) and (known := made.get(str(path.relative_to(folder)))):
                found[link] = str(deploy.build.layout.object(known[0]))
    return found


def made_since(deploy: Deployment, name: str, listing: str) -> str | None:
    """Return a file beside the static root that an earlier phase has made otherwise than a listing has it; None: none.

    A bundler's manifest, for one: nothing of the static root need have changed with it.
    """
    folder = PurePosixPath(deploy.project(deploy.build).path)
    beside = listings.read(deploy, listing)["extra"]
    for wrote in _made_before(deploy, name):
        for path, made in listings.read(deploy, wrote)["files"].items():
            absolute = str(folder / path)
            known = beside.get(absolute)
            if absolute in beside and (known is None or known[0] != made[0]):
                return path
    return None


def _of_earlier(deploy: Deployment, name: str) -> list[str]:
    """Return the listings of what phases before this one have made, where manifests hide some of it."""
    return _made_before(deploy, name) if "web" in deploy.build.roles else []


def _made_before(deploy: Deployment, name: str) -> list[str]:
    """Return the listings of what phases of the project's own before this one have made."""
    own = deploy.environment.build.own
    earlier = [one for one in deploy.order[: deploy.order.index(name)] if one in own]
    entries = [deploy.journal.phases.get(one) for one in earlier]
    return [wrote for entry in entries if entry and (wrote := entry.get("wrote"))]


@contextmanager
@interruption.whole
def manifests_as_files(deploy: Deployment) -> Iterator[None]:
    """On a host that builds and renders, keep the build from writing through links into what is live.

    Before the first flip there is no such link: then nothing changes, and what was asked ahead counts still.
    """
    if "web" not in deploy.build.roles:
        yield
        return
    links = deploy.links(deploy.build)
    head, _ = deploy.build.ask(
        verbs.TO_LIFT, asks.Links(links=links)
    )  # known even if the answer to `lift` is lost
    if not head["lifted"]:
        yield
        return
    try:
        deploy.build.ask(verbs.LIFT, asks.Links(links=links))
        yield
    finally:
        deploy.build.ask(verbs.LOWER, asks.Lower(links=links, lifted=head["lifted"]))


def differing(deploy: Deployment, then: str | None, now: str | None) -> list[str]:
    """Return the files that two listings have otherwise."""
    if not then or not now or then == now:
        return []
    one, other = (listings.read(deploy, listing)["files"] for listing in (then, now))
    return sorted(path for path in {*one, *other} if one.get(path) != other.get(path))


def _in_static_root(deploy: Deployment, own: OwnPhase) -> list[str]:
    """Return which of a phase's `writes` lie in the static root: they are kept with all that is there."""
    root = deploy.facts(deploy.build)["static_root"]
    folder = PurePosixPath(deploy.project(deploy.build).path)
    return [path for path in own.writes if root and (folder / path).is_relative_to(root)]
