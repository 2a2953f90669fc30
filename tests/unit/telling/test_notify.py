import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fab_static.aws import s3
from fab_static.plan.inventory import S3
from fab_static.telling import notify

SUMMARY = {
    "app": "shop", "environment": "production", "outcome": "live", "task": "deploy",
    "release": "20261122T170102Z-3f9c1a7b", "previous": "20261121T090000Z-aa01bb02",
    "operator": "ada@laptop", "seconds": 24.8, "error": None, "failed_after_flip": [],
}  # fmt: skip


@pytest.fixture
def server():
    """A webhook that remembers what it was told, and answers what `status` says."""

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.told.append((self.headers["Content-Type"], json.loads(body)))
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Webhook)
    server.told, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_gets_a_message_that_slack_understands(server):
    url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/secret"
    assert notify.post(url, SUMMARY) is None
    ((kind, told),) = server.told
    assert kind == "application/json"
    assert told == {
        "text": ":white_check_mark: *shop production*: deploy made `20261122T170102Z-3f9c1a7b` live "
        "(before it: `20261121T090000Z-aa01bb02`), by ada@laptop, in 25 s"
    }


def test_a_failure_says_why_in_a_line():
    error = "lessc failed with exit code 1:\n    many\n    lines\n  where: build1"
    text = notify.message({**SUMMARY, "outcome": "failed", "error": error})
    assert text.startswith(":x: *shop production*: deploy failed; `20261121T090000Z-aa01bb02` was")
    assert text.endswith("\nlessc failed with exit code 1:")


def test_what_failed_after_the_flip_is_told_with_its_cure():
    failed = [{"what": "12 URLs are wrong:\n a", "where": "", "mend": "fab production probe"}]
    text = notify.message({**SUMMARY, "failed_after_flip": failed})
    assert text.endswith("\nfailed after the flip: 12 URLs are wrong: (fab production probe)")


def test_why_it_could_not_be_told_never_holds_the_url(server):
    server.status = 403
    url = f"http://127.0.0.1:{server.server_port}/secret"
    assert notify.post(url, SUMMARY) == "it answered 403 Forbidden"
    server.server_close()
    for url in ("http://127.0.0.1:1/secret", "http://[secret/", "https://secret.invalid/x"):
        why = notify.post(url, SUMMARY)
        assert why
        assert "/secret" not in why


def test_an_answer_that_comes_byte_by_byte_or_is_no_http_is_told_within_the_limit(monkeypatch):
    """(fleet A3): a socket's time-out begins anew with each byte."""
    ended = threading.Event()

    def slow(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not ended.wait(0.05):
            connection.sendall(b"x")

    def other(connection):
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(
            65536
        ):  # what is not read would reset the connection, before the answer or after
            pass

    for answer, limit, said in (
        (slow, 0.5, "no whole answer came within 0.5 seconds"),
        (other, 60.0, "BadStatusLine"),
    ):
        monkeypatch.setattr(notify, "TIMEOUT_SECONDS", limit)
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def serve(listening=listening, answer=answer):
                connection, _ = listening.accept()
                with connection, contextlib.suppress(OSError):
                    answer(connection)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/secret"
            assert notify.post(url, SUMMARY) == said
            ended.set()
            thread.join()


def test_a_name_that_dns_never_answers_for_is_told_within_the_limit(monkeypatch):
    monkeypatch.setattr(notify, "TIMEOUT_SECONDS", 0.2)
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait(30) and [])
    why = notify.post("https://hooks.example.com/secret", SUMMARY)
    ended.set()
    assert why == "no whole answer came within 0.2 seconds"


def test_a_bucket_that_refuses_or_breaks_is_told(monkeypatch):
    def broken(place):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(s3, "Bucket", broken)
    assert notify.put_report(S3("reports"), "a.html", b"") == "ZeroDivisionError: a bug"


def test_a_text_without_a_line_is_told():
    assert notify.message({**SUMMARY, "failed_after_flip": [{"what": "", "mend": "x"}]}).endswith(
        "failed after the flip:  (x)"
    )
