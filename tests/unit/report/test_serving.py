"""The page of a run on loopback: who may look, that looking is all, and that no viewer holds a run up."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from fab_static.report import serving
from fab_static.report.serving import Server
from fab_static.report.watching import Watching


@pytest.fixture
def watching() -> Watching:
    return Watching("shop · staging · deploy")


@pytest.fixture
def server(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(serving, "TICK_SECONDS", 0.01)
    made = Server(watching)
    yield made
    watching.end("over")
    made.close()


def asked(
    server: Server, path: str | None = None, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    where = urlsplit(server.address)
    connection = http.client.HTTPConnection("127.0.0.1", where.port, timeout=120)
    connection.request(method, where.path if path is None else path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_who_has_the_address_sees_the_page(server: Server) -> None:
    response, page = asked(server)
    assert response.status == 200
    assert "shop · staging · deploy" in page.decode()
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "Python" not in response.headers["Server"]


def test_it_listens_on_loopback_alone_and_each_run_has_another_address(server: Server) -> None:
    where = urlsplit(server.address)
    assert where.hostname == "127.0.0.1"
    assert server._server.server_address[0] == "127.0.0.1"
    assert len(server.token) >= 32
    other = Server(Watching("x"))
    other.close()
    assert other.token != server.token


@pytest.mark.parametrize(
    "path", ["/", "/events", "/{half}/", "/{token}x/", "/{other}/", "/%C3%A9/", "/{token}"]
)
def test_without_the_token_there_is_nothing(server: Server, path: str) -> None:
    token = server.token
    made = path.format(token=token, half=token[:16], other=token.swapcase())
    response, body = asked(server, made)
    assert (response.status, body) == (404, b"")


@pytest.mark.parametrize(
    "host", ["evil.example.com", "evil.example.com:80", "127.0.0.1.nip.io", ""]
)
def test_a_name_that_somebody_else_leads_to_this_machine_is_refused(
    server: Server, host: str
) -> None:
    """DNS rebinding: a web page elsewhere asks its own name, which answers 127.0.0.1 by then."""
    for path in ("", "events"):
        where = urlsplit(server.address).path + path
        assert asked(server, where, Host=host)[0].status == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:1234", "LOCALHOST"])
def test_a_port_that_was_forwarded_may_have_another_number(server: Server, host: str) -> None:
    assert asked(server, Host=host)[0].status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_looking_is_all_that_can_be_done(server: Server, method: str) -> None:
    assert asked(server, method=method)[0].status == 405
    assert asked(server, "/", method=method)[0].status == 404
    assert asked(server, method="HEAD")[0].status == 200


def events(server: Server) -> socket.socket:
    """Begin to watch."""
    where = urlsplit(server.address)
    assert where.port is not None
    viewer = socket.create_connection(("127.0.0.1", where.port), timeout=120)
    viewer.sendall(f"GET {where.path}events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return viewer


def until_news(viewer: socket.socket) -> None:
    data = b""
    while b"event: news" not in data:
        data += viewer.recv(4096)


def all_of(viewer: socket.socket) -> str:
    data = b""
    while piece := viewer.recv(65536):
        data += piece
    return data.decode()


def test_several_viewers_are_told_until_the_report(server: Server, watching: Watching) -> None:
    viewers = [events(server) for _ in range(3)]
    for viewer in viewers:
        until_news(viewer)
    watching.report("<html>the report</html>")
    server.close()
    for viewer in viewers:
        last = all_of(viewer).rstrip().rpartition("data: ")[2]
        assert json.loads(last) == {"page": "<html>the report</html>"}
        viewer.close()


def test_the_port_is_closed_with_the_command(server: Server) -> None:
    server.close()
    with pytest.raises(ConnectionRefusedError):
        asked(server)


def test_a_viewer_that_takes_nothing_holds_nobody_up(
    server: Server, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does not take fills its socket: the thread that writes waits there, and no other one does."""
    monkeypatch.setattr(serving, "LAST_SECONDS", 0.2)
    hung = events(server)
    until_news(hung)
    watching.report("x" * 50_000_000)  # more than any socket takes
    assert asked(server)[0].status == 200
    server.close()  # and it does not wait for ever
    hung.close()


def test_more_requests_than_there_is_room_for_are_turned_away(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MOST_REQUESTS", 1)
    server = Server(watching)
    first = events(server)
    until_news(first)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        asked(server)
    watching.end("over")
    server.close()
    first.close()
