"""A host's own files may be strange, or another account's: nothing is obeyed, and rollback works."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from invoke.context import Context
from invoke.exceptions import Exit

from fab_static.errors import FabStaticError
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.seals import seal_of
from fab_static.plan import release as releases
from fab_static.plan.release import File
from fab_static.plan.wire import asks, verbs
from fab_static.remote import Ran
from tests.processes import becomes
from tests.unit.host.agent.agents import silence
from tests.unit.site import NEW, OLD, TASK, Said, ScriptedHost, Site

ANOTHER = 65534
GHOST = "20270101T000000Z-00000000"
RECORDS = (
    "journal.json",
    "log.jsonl",
    "provisional.json",
    ".fab_static",
    "union.json",
    "lock/owner.json",
    "lock/heartbeat",
    f"releases/{GHOST}/release.json",
)


@pytest.fixture
def said(site: Site, capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a task; return its exit code and all that it said."""

    def run(task: str = "rollback", **options: Any) -> tuple[int, str]:
        capsys.readouterr()
        code = 0
        try:
            TASK[task](Context(), **options)
        except Exit as end:
            code = end.code
        return code, "".join(capsys.readouterr()).replace(str(site.folder), "FOLDER")

    return run


def belongs_to_another(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a file another account's; who may not give files away becomes another himself."""
    if os.geteuid() == 0:
        os.chown(path, ANOTHER, ANOTHER)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: ANOTHER)


def put(path: Path, data: bytes) -> None:
    """Put a file in one step: a watchdog takes a missing note for a confirmed flip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".beside")
    beside.write_bytes(data)
    beside.replace(path)


# ---- strange (fleet D6)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
words = st.sampled_from(
    ["event", "activate", "undo", "release", "at", "rolled_back", "phases", "ran", "back", "current",
     "previous", "owner", "since", "token", "app", "environment", "files", "id", OLD, NEW, GHOST]
)  # fmt: skip
values = st.recursive(
    scalars | words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(words | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)
contents = values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)


ODD = [
    b'{"event":"activate","at":1}\n',
    b'{"event":"undo"}\n{"event":"activate","release":"../x","at":"now"}\n',
    b"[" * 100_000,
    b'{"phases": {"collectstatic": {"ran": "no"}}, "release": 5}',
    b'{"app": "shop"}',
    b'{"owner": 1, "since": 1e300, "phase": null}',
]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(RECORDS), data=st.sampled_from(ODD) | contents)
@example(name="log.jsonl", data=ODD[0])
@example(name="journal.json", data=ODD[3])
@example(name="lock/owner.json", data=ODD[5])
def test_a_rollback_works_whatever_stands_in_the_records(
    site: Site, said: Said, name: str, data: bytes
) -> None:
    """Nothing that is half written stops the emergency rollback (fleet D6)."""
    site.open()
    for host in site.hosts.values():
        put(Path(host.agent.host.path(name)), data)
    works(site, said)


def works(site: Site, said: Said) -> str:
    """Roll back, and look: all of it ends well. Return what was told."""
    lock = Path(site.hosts["build1"].agent.host.path("lock"))
    if lock.is_dir():  # whoever holds it was not heard of for long
        for path in (*lock.iterdir(), lock):
            os.utime(path, (1, 1), follow_symlinks=False)
    target = OLD if set(site.live().values()) == {NEW} else NEW
    code, told = said(to=target)
    assert "Traceback" not in told
    assert (code, set(site.live().values())) == (0, {target}), told
    for look in ("releases", "status"):
        code, text = said(look)
        assert (code, "Traceback" in text) == (0, False), text
    return told


def folder(path: Path) -> None:
    (path / "inside").mkdir(parents=True)


def link(path: Path) -> None:
    elsewhere = path.parents[2] / f"elsewhere-{path.name}"
    elsewhere.write_text("{}")
    path.symlink_to(elsewhere)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10 << 30)


def socket_to_nobody(path: Path) -> None:
    """Bind in its folder: the name of a socket may not be longer than 107 bytes."""
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.open(path.parent, os.O_RDONLY)
        bound.bind(f"/proc/self/fd/{here}/{path.name}")
        os.close(here)


@pytest.mark.parametrize("make", [folder, link, pipe, sparse, socket_to_nobody])
@pytest.mark.parametrize("name", RECORDS)
def test_a_rollback_works_whatever_kind_of_file_a_record_is(
    site: Site, said: Said, name: str, make: Callable[[Path], None]
) -> None:
    """(fleet D6): a folder, a link, a pipe that nobody writes to, ten gigabytes of nothing."""
    for host in site.hosts.values():
        path = Path(host.agent.host.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        make(path)
    works(site, said)
    for elsewhere in site.folder.glob("elsewhere-*"):
        assert elsewhere.read_text() == "{}"


def test_what_is_passed_over_is_told(site: Site, said: Said) -> None:
    log = Path(site.hosts["build1"].agent.host.path("log.jsonl"))
    log.write_text(log.read_text() + '{"event":"activate","at":1}\n{"half')
    code, text = said("releases")
    assert code == 0
    assert "! build1: 2 lines of log.jsonl cannot be read, and are passed over\n" in text


def test_a_record_of_a_release_that_no_host_has_takes_no_rollback_astray(
    site: Site, said: Said
) -> None:
    log = Path(site.hosts["build1"].agent.host.path("log.jsonl"))
    ghost = {"event": "activate", "release": GHOST, "at": time.time()}
    log.write_text(log.read_text() + json.dumps(ghost) + "\n")
    works(site, said)


def test_a_release_whose_seal_cannot_be_read_is_told_and_the_others_are_listed(
    site: Site, said: Said
) -> None:
    for host in site.hosts.values():
        put(Path(host.agent.host.path("releases", OLD, "release.json")), b"{")
    code, text = said("releases")
    assert code == 0
    assert "build1: release.json is not JSON" in text
    assert [one["id"] for one in site.session.releases()] == [NEW]


def test_nothing_that_a_damaged_release_needs_is_pruned(site: Site) -> None:
    """Which objects it needs nobody can say; it may be the live one."""
    edge1 = site.hosts["edge1"]
    put(Path(edge1.agent.host.path("releases", NEW, "release.json")), b"{")
    logo = Path(edge1.agent.host.path("current", "static", "logo.svg"))
    answer, _ = edge1.ask(verbs.PRUNE, asks.Prune(releases=[], roles=["static"]))
    assert answer["removed"] == []
    assert answer["odd"][0].startswith("release.json is not JSON")
    assert logo.read_bytes() == b"new"


# ---- another account's (fleet D4)


def plant(host: ScriptedHost, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Path:
    """Put a note of a flip there, as an account does that may write in the folder."""
    note = Path(host.agent.host.path("provisional.json"))
    note.parent.chmod(0o777)
    evil = host.agent.host.root + ".evil"
    note.write_text(
        json.dumps(
            {
                "format": 1,
                "release": NEW,
                "current": OLD,
                "previous": None,
                "back": False,
                "at": 1,
                "links": {evil: "/etc/passwd"},
                "manifest": evil,
                "reload": f"touch {evil}",
                "entry": {"by": "mallory"},
                **more,
            }
        )
    )
    belongs_to_another(note, monkeypatch)
    return Path(evil)


def test_a_note_of_another_account_is_told_and_not_obeyed(
    site: Site, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(fleet D4)."""
    web1, ran = site.hosts["web1"], []
    web1.before["run"] = lambda: ran.append(1) or Ran(0, "")
    evil = plant(web1, monkeypatch)
    code, text = said("status")
    assert code == 0
    assert "web1: every account there may write below FOLDER/web1: chmod o-w FOLDER/web1" in text
    assert "web1: provisional.json belongs to " in text
    assert "; what it says of a flip is not obeyed" in text
    assert (ran, web1.agent.host.live()) == ([], NEW)
    code, text = said()
    assert (code, set(site.live().values())) == (0, {OLD})
    assert len(ran) == 1  # the inventory's reload, after the flip
    assert not os.path.lexists(evil)


@pytest.mark.parametrize("told", ["confirm", "flip_back"])
def test_even_a_note_that_may_be_ours_orders_nothing(
    site: Site, said: Said, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    """The links and the reload of the way back are the inventory's, never the file's (fleet D4)."""
    web1, commands = site.hosts["web1"], []
    monkeypatch.setattr(
        ScriptedHost, "run_line", lambda _, command: commands.append(command) or Ran(0, "")
    )
    evil = plant(web1, monkeypatch, back=told == "flip_back")
    note = Path(web1.agent.host.path("provisional.json"))
    if os.geteuid() == 0:
        os.chown(note, 0, 0)
    note.parent.chmod(0o755)
    code, text = said(to=NEW)
    assert code == 0, text
    assert all(command[-1] == "reload-shop" for command in commands), commands
    assert not os.path.lexists(evil)
    assert not note.exists()


def test_a_flip_noted_by_another_who_may_write_there_is_made_final_by_the_next(
    site: Site, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several people deploy into a folder of their group; one died, and his watchdog would go back."""
    plant(site.hosts["edge1"], monkeypatch)
    assert said(to=NEW)[0] == 0
    assert set(site.live().values()) == {NEW}
    assert not Path(site.hosts["edge1"].agent.host.path("provisional.json")).exists()


def test_the_watchdog_does_what_it_was_told_and_not_what_the_file_says(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(fleet D4)."""
    monkeypatch.undo()  # the real watchdog
    web1 = site.hosts["web1"]
    host = web1.agent.host
    told, evil = Path(host.root + ".told"), Path(host.root + ".evil")
    head = {
        "release": OLD,
        "links": {},
        "manifest": None,
        "reload": f"touch {told}",
        "confirm_timeout": 60,
        "entry": {"by": "anna"},
    }
    silent = silence(monkeypatch, Path(host.root + ".silent"))
    web1.ask(verbs.FLIP, asks.Flip(**head))
    note = Path(host.path("provisional.json"))
    assert "reload" not in note.read_text()
    put(note, b'{"reload": "touch ' + str(evil).encode() + b'", "current": "../..", "links": 5}')
    silent.touch()
    assert becomes(told.exists)
    assert host.live() == NEW
    assert not evil.exists()


def test_of_a_journal_of_another_account_no_phase_is_believed(
    site: Site, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would name a checkout whose manage.py is then run (fleet D4)."""
    journal = Path(site.hosts["build1"].agent.host.path("journal.json"))
    seal = {"ran": 1, "seconds": 1, "project_path": "/tmp/evil", "release": NEW}
    journal.write_text(json.dumps({"format": 1, "release": NEW, "phases": {"seal": seal}}))
    belongs_to_another(journal, monkeypatch)
    deploy = site.session._deployment()
    deploy.look()
    assert deploy.current_release().id == NEW  # what is sealed is proven by its digest
    assert deploy.project_path is None
    assert deploy.journal.phases == {}
    code, text = said("status")
    assert code == 0
    assert "build1: journal.json belongs to " in text
    assert "; nothing that it says was built is used again" in text


# ---- the seal is judged by the operator's digest (fleet D5)


def altered(host: ScriptedHost, release: str, *, digest: bool = True) -> Path:
    """Drop a file from a release.json and from the disk, as somebody does who knows how we judge it."""
    path = Path(host.agent.host.path("releases", release, "release.json"))
    seal = json.loads(path.read_text())
    del seal["files"]["logo.svg"]
    if digest:
        seal["digest"] = releases.digest(
            {name: File.from_data(one) for name, one in seal["files"].items()},
            seal["versions"]["sha256"],
            seal["settings"],
        )
    put(path, json.dumps(seal, separators=(",", ":")).encode())
    (path.parent / "static" / "logo.svg").unlink(missing_ok=True)
    return path


def test_an_altered_seal_is_found_before_the_flip_and_written_anew_by_repair(
    site: Site, said: Said
) -> None:
    """(fleet D5)."""
    path = altered(site.hosts["edge1"], OLD)
    code, text = said(to=OLD)
    assert code == 1
    assert (
        f"""\
error: release.json of {OLD} is not what was sealed
  where: edge1: FOLDER/edge1/releases/{OLD}/release.json
  mend:  ship it again from a host that has it: fab staging rollback --to {OLD} --repair
  live: {NEW} on every host, as before
  next: fab staging rollback --to {OLD} --repair
"""
        in text
    )
    code, text = said(to=OLD, repair=True)
    assert code == 0, text
    assert f"edge1: release.json of {OLD} was not what was sealed; it is now" in text
    assert set(site.live().values()) == {OLD}
    assert (path.parent / "static" / "logo.svg").read_bytes() == b"old"
    assert (
        path.read_bytes()
        == Path(site.hosts["web1"].agent.host.path("releases", OLD, "release.json")).read_bytes()
    )


def test_status_sees_an_altered_seal_of_the_live_release(site: Site, said: Said) -> None:
    """(fleet D5)."""
    altered(site.hosts["edge1"], NEW)
    known = site.session.status()
    assert {one["host"]: one["changed"] for one in known["hosts"]} == {
        "build1": 0, "edge1": 1, "edge2": 0, "web1": 0, "web2": 0
    }  # fmt: skip
    _, text = said("status")
    assert f"edge1: release.json of {NEW} differs from the one on other hosts" in text


@pytest.mark.parametrize("digest", [True, False])
def test_an_altered_seal_on_the_build_host_is_judged_by_its_name(
    site: Site, said: Said, digest: bool
) -> None:
    """Its own digest fits its content; its name, which the others know, does not (fleet D5)."""
    altered(site.hosts["build1"], OLD, digest=digest)
    code, text = said(to=OLD, repair=True)
    assert code == 0, text
    assert "release.json is not what was sealed: its digest does not fit" in text
    assert set(site.live().values()) == {OLD}


def test_a_flip_is_refused_where_the_seal_was_altered_after_it_was_verified(site: Site) -> None:
    """(fleet D5)."""
    edge1 = site.hosts["edge1"]
    deploy = site.session._deployment()
    deploy.look()
    seal = deploy.seals.sha256(deploy.seals.read(OLD))
    altered(edge1, OLD)
    with pytest.raises(FabStaticError, match="is not what was sealed"):
        edge1.ask(verbs.FLIP, asks.Flip(release=OLD, links={}, manifest=None, reload=None, confirm_timeout=9, entry={}, seal=seal))  # fmt: skip
    assert edge1.agent.host.live() == NEW


def test_a_seal_by_another_releases_name_is_none(site: Site) -> None:
    edge1 = site.hosts["edge1"].agent.host
    there = Path(edge1.path("releases", NEW, "release.json")).read_bytes()
    put(Path(edge1.path("releases", OLD, "release.json")), there)
    with pytest.raises(RefusedError, match="is not what was sealed"):
        seal_of(edge1, OLD)
