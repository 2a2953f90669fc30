"""Objects are put into a store by presigned URLs, and no error tells a URL."""

import hashlib
import json
import os
import sys
import threading
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fab_static.host.agent.explaining import explained
from fab_static.host.agent.protocol import PIECE, TICKET
from fab_static.host.agent.refusals import RefusedError
from tests.pythons import OPERATORS
from tests.unit.host.agent.agents import FakeAgent, sha256_of
from tests.unit.host.agent.rooms import replace

SIGNATURE = b"\xab" * 32


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # 32 connect at once: of 5 that wait, a busy machine resets others


class Store:
    """A server that takes PUTs, and answers them in turn as it is told; then all with 200."""

    def __init__(self):
        self.put, self.answers, self.asked = {}, [], 0
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self):
                store.asked += 1
                status, words = store.answers.pop(0) if store.answers else (200, b"")
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if status == 0 or len(body) < int(self.headers["Content-Length"]):
                    self.close_connection = True
                    return
                if status == 200:
                    store.put[self.path] = body, dict(self.headers)
                self.send_response(status)
                self.send_header("ETag", '"e"')
                self.send_header("Content-Length", str(len(words)))
                self.end_headers()
                self.wfile.write(words)

            def log_message(self, *_words):
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}/shop/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def store(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = Store()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def agent(tmp_path):
    return FakeAgent(tmp_path)


def asked_to_put(agent, store, bodies, base=None):
    """Have the agent put these under 0, 1, …; return the head, and what was answered to each."""
    way = {
        "url": (base or store.base) + "{key}?X-Amz-Signature={signature}",
        "headers": {
            "Content-Type": "text/css",
            "Content-Length": "{size}",
            "x-amz-checksum-sha256": "{checksum}",
            "x-amz-meta-sha256": "{sha256}",
        },
    }
    tickets = b""
    for number, body in enumerate(bodies):
        agent.do("put_object", body)
        raw = bytes.fromhex(sha256_of(body))
        tickets += TICKET.pack(raw, len(body), 0, SIGNATURE) + b"%d\n" % number
    head, data = agent.ask("put_urls", tickets, ways=[way])
    return head, json.loads(data)


def test_objects_are_put_with_the_headers_of_their_way(agent, store):
    """In every Python that a host may have."""
    bodies = [os.urandom(size) for size in (0, 1, PIECE, PIECE + 1, 3 * PIECE, *range(2, 40))]
    head, said = asked_to_put(agent, store, bodies)
    assert head == {"unreached": None}
    assert {one["headers"]["etag"] for one in said.values()} == {'"e"'}
    for number, body in enumerate(bodies):
        put, headers = store.put[f"/shop/{number}?X-Amz-Signature={SIGNATURE.hex()}"]
        assert put == body
        digest = hashlib.sha256(body)
        assert headers["x-amz-checksum-sha256"] == b64encode(digest.digest()).decode()
        assert headers["x-amz-meta-sha256"] == digest.hexdigest()
        assert headers["Content-Type"] == "text/css"
        assert headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (503, b"<Error><Code>SlowDown</Code></Error>"),
        (409, b"<Error><Code>ConditionalRequestConflict</Code></Error>"),
        (400, b"<Error><Code>RequestTimeout</Code></Error>"),
        (0, b""),
    ],
    ids=str,
)
def test_what_passes_is_tried_again(agent, store, status, words, monkeypatch):
    store.answers = [(200, b""), *[(status, words)] * 5]
    replace(monkeypatch, "PUTTERS", 1)
    _, said = asked_to_put(agent, store, [b"one", b"two"])
    assert [one["status"] for one in said.values()] == [200, 200]
    assert store.asked == 7


def test_what_is_refused_is_told_in_the_stores_own_words_and_the_others_are_put(
    agent, store, monkeypatch
):
    replace(monkeypatch, "PUTTERS", 1)
    words = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    store.answers = [(403, words), (412, b"")]
    _, said = asked_to_put(agent, store, [b"one", b"two", b"three"])
    assert [said[str(number)]["status"] for number in range(3)] == [403, 412, 200]
    assert said["0"]["body"] == words.decode()


def test_what_is_refused_always_is_not_tried_for_each(agent, store):
    store.answers = [(403, b"")] * 300
    _, said = asked_to_put(agent, store, [b"%d" % number for number in range(300)])
    assert len(said) < 100


def test_a_store_that_cannot_be_reached_is_told_at_once_and_without_the_url(agent, store):
    nobody = "http://127.0.0.1:9/shop/"
    head, said = asked_to_put(agent, store, [b"one", b"two"], nobody)
    assert head == {"unreached": "the store cannot be reached: connection refused"}
    assert said == {}


def test_damaged_bytes_are_never_put(agent, store):
    """The store would be the one to refuse them, if it knows checksums; nobody tries."""
    body = os.urandom(2 * PIECE)
    agent.do("put_object", body)
    path = Path(agent.host.object(sha256_of(body)))
    path.chmod(0o600)
    path.write_bytes(bytes([body[0] ^ 1]) + body[1:])
    raw = bytes.fromhex(sha256_of(body))
    way = {
        "url": store.base + "{key}?X-Amz-Signature={signature}",
        "headers": {"Content-Length": "{size}"},
    }
    with pytest.raises(RefusedError) as caught:
        agent.ask("put_urls", TICKET.pack(raw, len(body), 0, SIGNATURE) + b"k\n", ways=[way])
    assert caught.value.what == f"object {sha256_of(body)} is damaged"
    assert store.put == {}
    assert "Signature" not in json.dumps(explained(caught.value))


def test_a_redirect_is_not_followed(agent, store):
    store.answers = [(307, b"<Error><Code>TemporaryRedirect</Code></Error>")]
    _, said = asked_to_put(agent, store, [b"one"])
    assert said["0"]["status"] == 307
    assert store.asked == 1


def test_the_proxy_of_the_environment_is_asked_unless_it_says_not_to(agent, store, monkeypatch):
    monkeypatch.setenv("http_proxy", store.base.replace("//", "//me:p%40ss@"))
    _, said = asked_to_put(agent, store, [b"one"], "http://store.example.com/shop/")
    assert said["0"]["status"] == 200
    ((url, (_, headers)),) = store.put.items()
    assert url.startswith("http://store.example.com/shop/0?")
    assert headers["Host"] == "store.example.com"
    assert headers["Proxy-Authorization"] == "Basic " + b64encode(b"me:p@ss").decode()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert asked_to_put(agent, store, [b"two"])[1]["0"]["status"] == 200


def test_a_tunnel_that_a_proxy_refuses_is_told_in_its_words(agent, store, monkeypatch):
    monkeypatch.setenv("https_proxy", store.base)
    head, _ = asked_to_put(agent, store, [b"one"], "https://store.example.com/shop/")
    assert head["unreached"].startswith(
        "the store cannot be reached: tunnel connection failed: 501"
    )


@pytest.mark.skipif(sys.version_info < OPERATORS, reason="the operator's program needs Python 3.11")
def test_a_strict_store_takes_what_the_agent_puts(agent, monkeypatch):
    """Every signed header arrives as it was signed."""
    from fab_static.aws.s3 import Bucket
    from fab_static.plan.inventory import S3
    from fab_static.plan.publication import object_item
    from fab_static.plan.putting import ways
    from tests.strict_s3 import REGION, StrictS3

    bodies = {sha256_of(body): body for body in (b"", b"one", os.urandom(PIECE + 1))}
    for body in bodies.values():
        agent.do("put_object", body)
    with StrictS3("hub") as strict:
        strict.sign_in(monkeypatch)
        bucket = Bucket(S3("hub", "a b/", REGION, strict.url, sse="AES256"))
        items = [object_item(sha256, len(body)) for sha256, body in bodies.items()]
        puts = bucket.sign_puts(items, seconds=60)
        found, goes = ways(puts)
        assert len(found) <= 2  # the clock may go on between them
        tickets = b"".join(
            TICKET.pack(bytes.fromhex(put.item.sha256), put.item.size, way, put.signature)
            + put.key.encode()
            + b"\n"
            for put, way in zip(puts, goes)
        )
        _, data = agent.ask("put_urls", tickets, ways=found)
        assert [one["status"] for one in json.loads(data).values()] == [200] * 3
        for item in items:
            assert strict.body(f"hub/a b/{item.key}") == bodies[item.sha256]
