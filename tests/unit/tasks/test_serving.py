"""The tasks that print configuration: for which host, which STATIC_URL."""

from __future__ import annotations

from typing import Any

import pytest
from invoke.context import Context

from fab_static.errors import InventoryError, RemoteError
from fab_static.phases.run.settings import UnsetError
from fab_static.plan import inventory, nginx
from fab_static.tasks import serving
from tests.unit.tasks.sessions import Session

C = Context()
INVENTORY = """\
app: shop
deploy_to: "/srv/{{host}}/static"
hosts:
  build1: {{address: 10.0.0.10, roles: [build, web]}}
  {more}
project: {{path: /srv/shop/code}}
"""
TWO = (
    'edge1: {address: 10.0.0.21, roles: [static]}\n  edge2: {address: "fd00::22", roles: [static]}'
)


class Printed(list[Any]):
    """The words with which a configuration was asked for."""


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    made = Session()
    made.answers["static_url"] = "/assets/"
    opened(made, TWO)
    monkeypatch.setattr(serving, "task_session", made.task)
    return made


def opened(session: Session, hosts: str) -> None:
    text = INVENTORY.format(more=hosts)
    session.environment = inventory.parse(text, name="staging", source="staging.yml")


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Printed:
    found = Printed()
    monkeypatch.setattr(
        nginx,
        "nginx_server",
        lambda *words, **more: (found.append((*words, more["url"])), "text")[1],
    )
    monkeypatch.setattr(serving, "print_text", lambda text: None)
    return found


def test_the_first_static_host_is_served_under_the_projects_own_url(
    session: Session, printed: Printed
) -> None:
    serving.nginx(C)
    ((folder, listen, name, url),) = printed
    assert (str(folder), listen, url) == ("/srv/edge1/static", "80", "/assets/")
    assert "10.0.0.21" in name


def test_one_file_names_all_static_hosts_whose_files_lie_in_the_same_place(
    session: Session, printed: Printed
) -> None:
    """README copies one file to each: Debian's default site answered on all but the first (first hour 2)."""
    text = INVENTORY.replace("/srv/{{host}}/static", "/srv/shop/static").format(
        more=TWO.replace("fd00::22", "10.0.0.22")
    )
    session.environment = inventory.parse(text, name="staging", source="staging.yml")
    serving.nginx(C)
    serving.nginx(C, host="edge2")
    assert [name for _, _, name, _ in printed] == ["10.0.0.21 10.0.0.22", "10.0.0.22"]
    assert session.warned == []


def test_where_each_host_needs_its_own_file_that_is_said(
    session: Session, printed: Printed
) -> None:
    serving.nginx(C)
    assert session.warned == [
        "this file is for edge1 alone, for edge2 has another deploy_to or kind of address; "
        "for that one: fab staging nginx --host edge2"
    ]


def test_a_host_with_an_ipv6_address_listens_to_that(session: Session, printed: Printed) -> None:
    serving.nginx(C, host="edge2")
    ((folder, listen, name, _),) = printed
    assert (str(folder), listen) == ("/srv/edge2/static", "[::]:80")
    assert name.startswith("[")


def test_what_the_command_line_says_comes_before_what_is_known(
    session: Session, printed: Printed
) -> None:
    serving.nginx(C, url="https://cdn/s", listen="127.0.0.1:8080", server_name="a.example")
    assert printed[0][1:] == ("127.0.0.1:8080", "a.example", "/s/")
    assert session.calls == []


@pytest.mark.parametrize(
    ("hosts", "host", "what"),
    [
        (TWO, "build1", '"build1" is not a static host; there are: edge1, edge2'),
        (
            "web1: {address: 10.0.0.31, roles: [web]}\norigin: {s3: {bucket: shop, region: us-east-1}}",
            None,
            "no host is a static host: a bucket is the only origin",
        ),
    ],
)
def test_only_a_static_host_has_a_configuration(
    session: Session, printed: Printed, hosts: str, host: str | None, what: str
) -> None:
    opened(session, hosts)
    with pytest.raises(InventoryError) as caught:
        serving.nginx(C, host=host)
    assert caught.value.what == what
    assert printed == []


def test_a_word_that_nginx_would_not_take_is_refused(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(serving, "print_text", shown.append)
    with pytest.raises(InventoryError) as caught:
        serving.nginx(C, listen="80; include /etc/passwd")
    assert caught.value.where == "the command line"
    assert shown == []


def test_a_project_that_cannot_be_asked_is_guessed_at_and_one_without_a_url_is_not(
    session: Session, printed: Printed
) -> None:
    session.answers["static_url"] = RemoteError("silent", where="web1", mend="start it")
    serving.nginx(C)
    assert printed[0][-1] == "/static/"
    assert session.warned[0].startswith(
        "the project could not be asked for its STATIC_URL (silent): /static/ is"
    )
    session.answers["static_url"] = UnsetError("STATIC_URL is unset", where="web1", mend="set it")
    with pytest.raises(UnsetError) as caught:
        serving.nginx(C)
    assert caught.value.mend == "set it; or name the path with --url"


def test_the_function_for_a_cdn_knows_the_path_of_the_files(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(serving, "print_text", shown.append)
    serving.cdn_function(C)
    serving.cdn_function(C, url="/other/")
    assert "/assets/" in shown[0]
    assert "/other/" in shown[1]
