"""One environment, opened: its secrets, its connections, and what refuses a task before it asks anybody."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.errors import InventoryError, ReleaseError, RemoteError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.settings import UnsetError
from fab_static.plan import inventory
from fab_static.report.archive import Archive
from fab_static.sessions import looking
from fab_static.sessions.looking import Looking

RELEASE = "20261122T170102Z-3f9c1a7b"
INVENTORY = """\
app: shop
deploy_to: /srv/shop/static
hosts:
  build1: {address: 10.0.0.10, roles: [build]}
  edge1: {address: 10.0.0.21, roles: [static]}
  web1: {address: 10.0.0.31, roles: [web]}
project: {path: /srv/shop/code, secrets: [DATABASE_PASSWORD, API_TOKEN]}
"""
SET = {"DATABASE_PASSWORD": "tiger", "API_TOKEN": "t0ken", "OTHER": "x"}


def opened(environ: dict[str, str] = SET, more: str = "") -> Looking:
    text = INVENTORY + more
    environment = inventory.parse(text, name="staging", source="staging.yml")
    return Looking(environment, environ=environ)


def test_the_secrets_that_the_inventory_names_are_taken_and_hidden() -> None:
    session = opened()
    assert session.secrets == {"DATABASE_PASSWORD": "tiger", "API_TOKEN": "t0ken"}
    assert session.hidden == session.secrets
    assert session._deployment().secrets == session.secrets


def test_a_webhooks_address_is_hidden_and_goes_to_no_host() -> None:
    url = "https://hooks.example.com/services/T0/B0/x"
    session = opened({**SET, "HOOK": url}, "notify: {webhook: $HOOK}\n")
    assert url in session.hidden.values()
    assert url not in session.secrets.values()


def test_who_needs_a_secret_that_is_not_set_is_told_which_and_the_others_work() -> None:
    session = opened({})
    with pytest.raises(InventoryError) as caught:
        session._deployment()
    assert caught.value.what == "DATABASE_PASSWORD, API_TOKEN not set in your environment"
    assert caught.value.where == "inventories/staging.yml: project.secrets"
    assert session._deployment(secrets=False).secrets == {}


@pytest.mark.parametrize(
    ("environ", "what", "where"),
    [
        (SET, "HOOK", "notify.webhook"),
        (
            {"API_TOKEN": "x"},
            "DATABASE_PASSWORD, HOOK",
            "project.secrets and notify.webhook",
        ),
        ({**SET, "HOOK": ""}, "HOOK", "notify.webhook"),
    ],
)
def test_the_key_is_named_that_wants_a_variable_which_is_not_set(
    environ: dict[str, str], what: str, where: str
) -> None:
    """Who looked at project.secrets found no HOOK there."""
    session = opened(environ, "notify: {webhook: $HOOK}\n")
    with pytest.raises(InventoryError) as caught:
        session._deployment()
    assert caught.value.what == f"{what} not set in your environment"
    assert caught.value.where == f"inventories/staging.yml: {where}"


def test_a_checkout_on_hosts_is_named_by_its_whole_path() -> None:
    with pytest.raises(InventoryError, match='"releases/new" is relative'):
        opened().plan(project_path="releases/new")
    assert opened()._deployment(project_path="/srv/new").project_path == "/srv/new"


@pytest.mark.parametrize("name", ["../../etc", "3f9c1a7b", ""])
def test_what_is_no_releases_id_reaches_no_host(name: str) -> None:
    session = opened()
    for task in (session.diff, lambda name: session.diff(None, name), session.report):
        with pytest.raises(InventoryError, match="is not a release; ids look like"):
            task(name)


def test_tasks_of_a_session_share_its_connections_until_it_is_closed() -> None:
    with opened() as session:
        first = session._deployment().fleet
        assert session._deployment().fleet is first
    assert session._deployment().fleet is not first


def test_a_run_that_only_looked_has_no_ending() -> None:
    session = opened()
    assert session.ending() is None
    deploy = session._deployment()
    assert session.ending() is None
    deploy.command = "rollback"
    ending = session.ending()
    assert ending is not None
    assert ending.next == "fab staging rollback"
    session.forget_last()
    assert session.ending() is None


# ---- STATIC_URL, for `nginx`


def facts(monkeypatch: pytest.MonkeyPatch, **known: Any) -> list[str]:
    """Have hosts answer for their project, or raise; return who was asked."""
    asked: list[str] = []

    def answer(_: Deployment, host: Any) -> Any:
        asked.append(host.name)
        if isinstance(known[host.name], Exception):
            raise known[host.name]
        return {"static_url": known[host.name]}

    monkeypatch.setattr(Deployment, "facts", answer)
    return asked


DOWN = RemoteError("silent", where="build1", mend="start it")


def test_the_first_host_with_a_project_that_answers_tells_its_static_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = facts(monkeypatch, build1="https://cdn.example/assets/", web1="/other/")
    assert (opened({}).static_url(), asked) == ("/assets/", ["build1"])
    asked = facts(monkeypatch, build1=DOWN, web1="/other/")
    assert (opened({}).static_url(), asked) == ("/other/", ["build1", "web1"])


def test_where_no_project_answers_the_last_one_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    facts(monkeypatch, build1=DOWN, web1=RemoteError("dead", where="web1", mend="start it"))
    with pytest.raises(RemoteError, match="dead"):
        opened().static_url()


def test_a_project_without_one_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nginx would be printed for a URL that the pages do not use."""
    facts(monkeypatch, build1="", web1="/other/")
    with pytest.raises(UnsetError):
        opened().static_url()


# ---- reports


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return Archive("shop", "staging")


def kept(archive: Archive, at: int, release: str | None, *, page: bool = True) -> Path:
    run = archive.folder / f"2026112{at}T170102Z-deploy.json"
    run.parent.mkdir(parents=True, exist_ok=True)
    run.write_text(f'{{"release": {f"{chr(34)}{release}{chr(34)}" if release else "null"}}}')
    if page:
        run.with_suffix(".html").write_text("")
    return run.with_suffix(".html")


def test_the_last_report_is_named_or_the_last_one_of_a_release(archive: Archive) -> None:
    first = kept(archive, 1, RELEASE)
    last = kept(archive, 2, None)
    kept(archive, 3, RELEASE, page=False)
    assert opened().report() == last
    assert opened().report(RELEASE) == first


def test_the_page_over_all_runs_lies_beside_their_reports(archive: Archive) -> None:
    first = kept(archive, 1, RELEASE)
    page = opened().report_index()
    assert page == archive.folder / "index.html"
    assert f'href="{first.name}"' in page.read_text()
    assert opened().report() == first  # it is no run


def test_the_page_over_all_runs_that_cannot_be_written_is_told(archive: Archive) -> None:
    (archive.folder / "index.html").mkdir(parents=True)
    with pytest.raises(ReleaseError, match="the page over all runs cannot be written: Is a dir"):
        opened().report_index()


@pytest.mark.parametrize(
    ("release", "what"),
    [(None, "no report is kept here yet"), (RELEASE, f"no report of {RELEASE} is kept here")],
)
def test_a_report_that_is_not_here_is_told(
    archive: Archive, release: str | None, what: str
) -> None:
    with pytest.raises(ReleaseError) as caught:
        opened().report(release)
    assert (caught.value.what, caught.value.where) == (what, str(archive.folder))


# ---- who runs it


def test_the_operator_is_a_user_on_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "desk")
    monkeypatch.setattr(getpass, "getuser", lambda: "anna")
    assert looking.operator() == "anna@desk"
    monkeypatch.setattr(getpass, "getuser", lambda: {}["no such user"])
    assert looking.operator() == f"{os.getuid()}@desk"


def test_a_show_of_the_users_own_is_given_back_as_it_is() -> None:
    show: Any = SimpleNamespace()
    session = opened()
    session.show = show
    assert session.show is show
    assert session._deployment().show is not show  # one that never fails stands between
