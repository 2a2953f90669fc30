"""A verb that changes nothing may be asked again when a connection was lost: a real agent is asked twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fab_static.plan.inventory import Environment, Host, Project
from fab_static.plan.wire import asks, verbs
from fab_static.remote import Fleet, RemoteHost
from tests.unit.host.agent.agents import FILES, record_of, seal_of, sha256_of

TAKEN = "20261124T170102Z-40b46b94"
RELEASE = "20261122T170102Z-40b46b94"
VERSIONS = b"js/a.js: x\n"
SCRIPT = FILES["js/a.js"]
LOOKS: dict[str, tuple[Any, bytes]] = {  # the verb -> its request and the request's body
    "ping": (None, b""),
    "state": (None, b""),
    "facts": (None, b""),
    "signers": (None, b""),
    "missing": (asks.Missing(), record_of(SCRIPT) + record_of(b"not here")),
    "read_release": (asks.Release(release=RELEASE), b""),
    "read_object": (asks.Object(object=sha256_of(SCRIPT)), b""),
    "summaries": (None, b""),
    "look_at_lock": (None, b""),
    "verify": (asks.Verify(release=None, roles=["static", "web"], bytes=True), b""),
    "look_at": (asks.LookAt(path="js/a.js", version=None), b""),
    "mismatched": (None, b'[["br", "%(a)s", "%(a)s"]]' % {b"a": sha256_of(SCRIPT).encode()}),
    "other_bytes": (None, b'{"js/a.js": "other"}'),
    "hashes": (None, b'{"%s": ["sha384"]}' % sha256_of(SCRIPT).encode()),
    "fonts": (None, b'["%s"]' % sha256_of(SCRIPT).encode()),
    "is_marked": (asks.Marks(marks=["0" * 16]), b""),
    "guard": (asks.Guard(root="/srv/shop/out", keep={}, sources={}, written=None), b""),
    "guard_writes": (asks.KeepWrites(folder="/srv/shop", paths=["dist"]), b""),
    "not_ours": (asks.Root(root="/srv/shop/out"), b'["js/a.js"]'),
    "to_lift": (asks.Links(links={"/srv/shop/own.yml": "/srv/live/own.yml"}), b""),
    "closed_to_nginx": (asks.ClosedToNginx(path="current/static/js/a.js"), b""),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("host")


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[RemoteHost]:
    """Return a host on which a release is live and the lock is held."""
    environment = Environment(
        name="production",
        app="shop",
        deploy_to=str(folder / "deploy_to"),
        hosts=(Host("edge1", "edge1", ("build", "static", "web"), local=True),),
        project=Project(path="/srv/shop/code"),
    )
    fleet = Fleet(environment)
    host = fleet.hosts[0]
    for data in (*FILES.values(), VERSIONS):
        host.ask(verbs.PUT_OBJECT, body=data)
    seal = seal_of(RELEASE, FILES, versioned=["js/a.js"], versions=VERSIONS)
    host.ask(verbs.BUILD_RELEASE, asks.BuildRelease(roles=list(host.roles)), seal)
    flip = asks.Flip(
        release=RELEASE, links={}, manifest=None, reload=None, confirm_timeout=30, entry={}
    )
    host.ask(verbs.FLIP, flip)
    host.ask(verbs.CONFIRM, asks.Confirm(release=RELEASE))
    host.ask(verbs.WRITE_JOURNAL, body=b'{"format": 1}')
    host.ask(verbs.LOCK, asks.Lock(owner="anna@desk", phase="deploy"))
    yield host
    fleet.close()


def disk(folder: Path) -> dict[str, object]:
    """Return all that a change would show itself in."""
    found: dict[str, object] = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        looked_at = (status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns)
        found[str(path)] = (*looked_at, path.readlink() if path.is_symlink() else None)
    return found


def files(folder: Path) -> dict[str, object]:
    """Return the same of files: what a folder held for a moment shows in its time."""
    return {path: state for path, state in disk(folder).items() if not Path(path).is_dir()}


def test_each_verb_that_changes_nothing_is_tried_here() -> None:
    assert set(LOOKS) == {verb.name for verb in verbs.VERBS.values() if verb.changes_nothing}


@pytest.mark.parametrize("name", sorted(LOOKS))
def test_a_verb_that_changes_nothing_leaves_the_disk_as_it_is(
    name: str, host: RemoteHost, folder: Path
) -> None:
    request, body = LOOKS[name]
    before = disk(folder)
    first, second = (host.ask(verbs.VERBS[name], request, body)[1] for _ in range(2))
    assert second == first
    assert disk(folder) == before


def test_each_verb_that_only_adds_is_tried_below() -> None:
    adding = {verb.name for verb in verbs.VERBS.values() if verb.adds_only}
    assert adding == {"put_object", "build_release", "take_seal", "snapshot", "keep_writes"}


def test_a_verb_that_only_adds_finds_the_second_time_what_it_has_added(
    host: RemoteHost, folder: Path
) -> None:
    made = folder / "code" / "dist"
    made.mkdir(parents=True)
    (made / "a.js").write_bytes(b"made by a phase")
    seal = seal_of("20261123T170102Z-40b46b94", FILES, versioned=["js/a.js"], versions=VERSIONS)
    taken = seal_of(TAKEN, FILES, versioned=["js/a.js"], versions=VERSIONS)
    adding: dict[str, tuple[Any, bytes]] = {
        "put_object": (None, b"another object"),
        "build_release": (asks.BuildRelease(roles=list(host.roles)), seal),
        "take_seal": (
            asks.TakeSeal(
                release=TAKEN,
                sha256=sha256_of(taken),
                base=None,
                roles=list(host.roles),
                builds=True,
            ),
            taken,
        ),
        "snapshot": (asks.Snapshot(root=str(made), extra=[]), b""),
        "keep_writes": (asks.KeepWrites(folder=str(made.parent), paths=["dist"]), b""),
    }
    for name, (request, body) in adding.items():
        before = files(folder)
        first = host.ask(verbs.VERBS[name], request, body)
        added = files(folder)
        assert first[1] == host.ask(verbs.VERBS[name], request, body)[1]
        assert files(folder) == added, name
        assert before.keys() <= added.keys(), name


def test_a_verb_that_writes_is_seen_on_the_disk(host: RemoteHost, folder: Path) -> None:
    """Else the test above would hold of every verb."""
    before = disk(folder)
    host.ask(verbs.NOTE, asks.Note(entry={"event": "note"}))
    assert disk(folder) != before
