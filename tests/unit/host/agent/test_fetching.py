"""Objects are fetched over HTTP, and no error tells a URL."""

import hashlib
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from fab_static.host.agent.explaining import explained
from fab_static.host.agent.protocol import PIECE, TICKET, marked
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.walking import files_below
from fab_static.host.agent.wire import function_of
from tests.pythons import OPERATORS
from tests.unit.host.agent.agents import FakeAgent
from tests.unit.host.agent.rooms import replace
from tests.unit.host.agent.stores import Shelf


def tickets_for(store, bodies):
    """Return the templates and the tickets of these bodies, put into the store first."""
    from fab_static.aws.s3 import Bucket
    from fab_static.plan.inventory import S3
    from fab_static.plan.publication import object_item, tickets
    from tests.strict_s3 import REGION

    bucket = Bucket(S3("hub", "", REGION, store.url))
    items = {hashlib.sha256(body).hexdigest(): body for body in bodies}
    for sha256, body in items.items():
        bucket.create(object_item(sha256, len(body)), body)
    keys = [object_item(sha256, 0).key for sha256 in items]
    urls = dict(zip(items, bucket.presign(keys, seconds=60), strict=True))
    signed = tickets(urls)
    body = b"".join(
        TICKET.pack(bytes.fromhex(sha256), len(items[sha256]), at, signature)
        for at, signatures in enumerate(signed.values())
        for sha256, signature in signatures.items()
    )
    return list(signed), body


@pytest.fixture
def hub(monkeypatch):
    if sys.version_info < OPERATORS:
        pytest.skip("the operator signs these URLs, and its program needs Python 3.11")
    from tests.strict_s3 import StrictS3

    with StrictS3("hub") as store:
        store.sign_in(monkeypatch)
        yield store


def test_objects_are_fetched_by_url_without_any_credentials(tmp_path, hub):
    bodies = [os.urandom(size) for size in (0, 1, 1000, PIECE + 1, *range(2, 40))]
    urls, body = tickets_for(hub, bodies)
    agent = FakeAgent(tmp_path)
    head, _ = function_of("fetch_urls")(agent, {"urls": urls}, body)
    assert head == {"stored": len(bodies)}
    for one in bodies:
        assert Path(agent.host.object(hashlib.sha256(one).hexdigest())).read_bytes() == one
    hub.asked.clear()
    assert function_of("fetch_urls")(agent, {"urls": urls}, body)[0] == {"stored": 0}
    assert hub.asked == []


def test_wrong_bytes_from_a_store_are_never_kept(tmp_path, hub, monkeypatch):
    replace(monkeypatch, "FETCH_ATTEMPTS", 1)
    urls, body = tickets_for(hub, [b"right"])
    (stored,) = hub.objects.values()
    stored.body = b"wrong"
    agent = FakeAgent(tmp_path)
    with pytest.raises(RefusedError, match="are not those of object"):
        function_of("fetch_urls")(agent, {"urls": urls}, body)
    assert list(files_below(agent.host.path("objects"))) == []


def test_a_store_that_stumbles_is_asked_again(tmp_path, hub, monkeypatch):
    from tests.strict_s3 import Fault

    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    urls, body = tickets_for(hub, [b"one", b"two"])
    hub.faults += [Fault("GET", "", 503, "SlowDown", times=2), Fault("GET", "", 0, times=1)]
    agent = FakeAgent(tmp_path)
    assert function_of("fetch_urls")(agent, {"urls": urls}, body)[0] == {"stored": 2}


def test_no_error_of_a_fetch_tells_the_url(tmp_path, hub, monkeypatch):
    """Whoever has it may read."""
    from tests.strict_s3 import Fault

    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    urls, body = tickets_for(hub, [b"one"])
    agent = FakeAgent(tmp_path)
    words = []
    for fault in (
        Fault("GET", "", 403, "AccessDenied", times=99),
        Fault("GET", "", 0, times=99),
        Fault("GET", "", 500, "InternalError", times=99),
    ):
        hub.faults[:] = [fault]
        with pytest.raises(RefusedError) as caught:
            function_of("fetch_urls")(agent, {"urls": urls}, body)
        words.append(caught.value.what)
        told = json.dumps(explained(caught.value))
        assert "Signature" not in told
        assert "objects/" not in told
        assert caught.value.where == "127.0.0.1"
    assert words == [
        "the store answered 403",
        "the store cannot be reached: remotedisconnected",
        "the store answered 500",
    ]
    broken = [url.replace("http://127.0.0.1", "http://[::1") for url in urls]
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, it must not tell
        function_of("fetch_urls")(agent, {"urls": broken}, body)
    assert "Signature" not in json.dumps(explained(caught.value))


def test_a_fetch_gives_up_at_the_first_object_that_cannot_be_had(tmp_path, hub):
    from tests.strict_s3 import Fault

    urls, body = tickets_for(hub, [b"%d" % number for number in range(300)])
    hub.asked.clear()
    hub.faults.append(Fault("GET", "", 403, "AccessDenied", times=999))
    with pytest.raises(RefusedError):
        function_of("fetch_urls")(FakeAgent(tmp_path), {"urls": urls}, body)
    assert len(hub.asked) < 100


def test_objects_are_fetched_from_any_server(tmp_path):
    """In every Python that a host may have: no bucket's client is needed for it."""
    bodies = {hashlib.sha256(body).hexdigest(): body for body in (b"one", b"two" * PIECE)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path, _, query = self.path.partition("?")
            self.send_response(200 if query == "signature=" + "ab" * 32 else 403)
            self.end_headers()
            self.wfile.write(bodies[path.rpartition("/")[2]])

        def log_message(self, *_words):
            pass

    agent = FakeAgent(tmp_path)
    signature = b"\xab" * 32
    tickets = [TICKET.pack(bytes.fromhex(one), len(bodies[one]), 0, signature) for one in bodies]
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/objects/{{object}}?signature={{signature}}"
        assert agent.do("fetch_urls", b"".join(tickets), urls=[url]) == {"stored": 2}
        server.shutdown()
    for sha256, body in bodies.items():
        assert Path(agent.host.object(sha256)).read_bytes() == body


def test_of_a_list_that_was_lent_a_host_fetches_what_it_lacks(tmp_path, hub):
    bodies = [b"%d" % number for number in range(20)]
    urls, body = tickets_for(hub, bodies)
    tickets = [*TICKET.iter_unpack(body)]
    wanted = {*tickets[3:7], tickets[-1]}
    agent = FakeAgent(tmp_path)
    with Shelf(body) as shelf:
        head = {"urls": urls, "lent": shelf.lent}
        assert function_of("fetch_urls")(agent, head, marked(tickets, wanted))[0] == {"stored": 5}
    there = {Path(path).name for path in files_below(agent.host.path("objects"))}
    assert there == {ticket[0].hex() for ticket in wanted}


@pytest.mark.parametrize(
    "shown", [b"", b"other bytes", b"x" * (1 << 20)], ids=["", "other", "much"]
)
def test_a_list_that_is_not_what_was_lent_is_not_followed(tmp_path, monkeypatch, shown):
    """Who may write to the bucket would else say what a host asks for, and of whom."""
    replace(monkeypatch, "FETCH_ATTEMPTS", 1)
    ticket = TICKET.pack(bytes(32), 1, 0, bytes(32))
    agent, marks = FakeAgent(tmp_path), marked([ticket], [ticket])
    with Shelf(ticket, shown=shown) as shelf, pytest.raises(RefusedError) as caught:
        agent.do("fetch_urls", marks, urls=["http://127.0.0.1:9/{object}"], lent=shelf.lent)
    assert caught.value.what == "the store has other bytes there"


def test_no_error_tells_where_something_lay(tmp_path, monkeypatch):
    replace(monkeypatch, "FETCH_ATTEMPTS", 1)
    with Shelf(b"", status=500) as shelf, pytest.raises(RefusedError) as caught:
        function_of("fetch_urls")(FakeAgent(tmp_path), {"urls": [], "lent": shelf.lent}, b"")
    assert "secret" not in json.dumps(explained(caught.value))
