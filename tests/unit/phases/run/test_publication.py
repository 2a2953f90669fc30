"""A bucket through deploys, rollbacks, failures and deaths: what it serves, and what its manifest says."""

import hashlib
import json
import threading
from dataclasses import replace

import pytest

from fab_static.aws import s3, s3_requests
from fab_static.errors import CdnError, DeployLockedError, ReleaseError
from fab_static.phases.run.publication import Publication
from fab_static.plan.inventory import S3, Environment, Project
from fab_static.plan.publication import MANIFEST, hidden, visible
from tests.releases import sealed
from tests.strict_s3 import REGION, Fault, StrictS3

A, B = "20261122T170102Z-0000000a", "20261123T170102Z-0000000b"
NAMED_A, NAMED_B = "CACHE/output.aaaaaaaaaaaa.css", "CACHE/output.bbbbbbbbbbbb.css"
FIRST = {NAMED_A: "css a", "cart.js": "cart a", "logo.png": "logo a", "paper.png": "same"}
SECOND = {NAMED_B: "css b", "cart.js": "cart b", "logo.png": "logo b", "paper.png": "same"}


@pytest.fixture(autouse=True)
def store(monkeypatch):
    monkeypatch.setattr(s3_requests, "FIRST_PAUSE_SECONDS", 0.0001)
    with StrictS3("shop") as store:
        store.sign_in(monkeypatch)
        yield store


def of(contents, name):
    """Return the release whose scripts are versioned, and whose CACHE/ is named by content."""
    return sealed(
        contents,
        name,
        versioned=[path for path in contents if path.endswith(".js")],
        named=[path for path in contents if path.startswith("CACHE/")],
    )


OLD, NEW = of(FIRST, A), of(SECOND, B)
BODIES = {
    hashlib.sha256(text.encode()).hexdigest(): text.encode()
    for text in (*FIRST.values(), *SECOND.values())
}


def read(store):
    """Return the bucket as another operator would find it."""
    place = S3("shop", "static/", REGION, store.url)
    environment = Environment("production", "shop", "/srv", (), Project("/srv"), origin=place)
    return Publication(place, environment).read()


def distribute(publication, to):
    items = publication.lacks(to)
    wanted = publication.must_be_sent(items)
    publication.fill(items, [(sha256, BODIES[sha256]) for sha256 in wanted], to.id)


def deploy(publication, to):
    distribute(publication, to)
    return publication.make_live(to)


def served(store):
    """Return what visitors get under each path."""
    return {
        key.removeprefix("shop/static/"): one.body.decode()
        for key, one in store.objects.items()
        if ".fab_static/" not in key and "/pool/" not in key
    }


def shows_all_of(store, contents):
    there = served(store)
    return {path: there.get(path) for path in contents} == contents


def is_true(store):
    """The manifest's law: what it says of a key, the key holds."""
    publication = read(store)
    for key, entry in publication.manifest.files.items():
        if entry.sha256:
            body = store.body(f"shop/static/{key}")
            assert hashlib.sha256(body).hexdigest() == entry.sha256, key
    return True


def test_a_deploy_writes_names_first_then_copies_and_the_manifest_last(store):
    deploy(read(store), OLD)
    kinds = [
        (method, key.removeprefix("shop/static/")) for method, key in store.asked if method == "PUT"
    ]
    manifests = [at for at, (_, key) in enumerate(kinds) if key == MANIFEST]
    names = [
        at
        for at, (_, key) in enumerate(kinds)
        if key.startswith(("pool/", "CACHE/", ".fab_static/obj"))
    ]
    own = [at for at, (_, key) in enumerate(kinds) if key in ("cart.js", "logo.png", "paper.png")]
    assert max(names) < manifests[0] < manifests[1] < min(own) < max(own) < manifests[2]
    assert manifests[-1] == len(kinds) - 1
    assert shows_all_of(store, FIRST)
    assert read(store).live == A


def test_before_the_flip_visitors_see_nothing_new(store):
    deploy(read(store), OLD)
    distribute(read(store), NEW)
    before = served(store)
    assert {path: text for path, text in before.items() if path != NAMED_B} == FIRST
    assert read(store).live == A


def test_an_unchanged_deploy_costs_one_request(store):
    deploy(read(store), OLD)
    store.asked.clear()
    publication = read(store)
    assert publication.lacks(OLD) == []
    assert publication.make_live(OLD) == 0
    assert store.asked == [("GET", f"shop/static/{MANIFEST}")]


def test_a_deploy_copies_only_what_changed_and_keeps_what_was(store):
    deploy(read(store), OLD)
    assert deploy(read(store), NEW) == 2  # cart.js and logo.png
    assert shows_all_of(store, SECOND)
    assert served(store)[NAMED_A] == "css a"
    version = OLD.versions["cart.js"]
    assert store.body(f"shop/static/pool/{version}/cart.js") == b"cart a"
    assert not [key for method, key in store.asked if method == "DELETE"]


def test_a_rollback_gives_back_every_byte_and_sends_none(store):
    deploy(read(store), OLD)
    deploy(read(store), NEW)
    sent = sum(len(one.body) for one in store.objects.values())
    publication = read(store)
    assert publication.lacks(OLD) == []
    publication.make_live(OLD)
    assert shows_all_of(store, FIRST)
    assert read(store).live == A
    assert sum(len(one.body) for one in store.objects.values()) < sent + 3000  # a manifest's
    assert is_true(store)


def test_a_flip_that_fails_is_put_back(store):
    deploy(read(store), OLD)
    publication = read(store)
    distribute(publication, NEW)
    store.faults.append(Fault("PUT", "static/logo.png", 403, "AccessDenied"))
    with pytest.raises(CdnError):
        publication.make_live(NEW)
    assert publication.live_before == A
    publication.put_back(OLD)
    assert shows_all_of(store, FIRST)
    assert read(store).live == A
    assert is_true(store)


def test_a_first_flip_that_fails_leaves_nothing_live(store):
    publication = read(store)
    distribute(publication, OLD)
    store.faults.append(Fault("PUT", "static/logo.png", 403, "AccessDenied"))
    with pytest.raises(CdnError):
        publication.make_live(OLD)
    publication.put_back(None)
    assert (read(store).live, read(store).manifest.pending) == (None, None)
    deploy(read(store), OLD)
    assert shows_all_of(store, FIRST)


class Died(BaseException):
    """Stands for kill -9: nobody cleans up."""


@pytest.mark.parametrize("after", range(9))
@pytest.mark.parametrize("then", [NEW, OLD], ids=["deploy", "rollback"])
def test_whoever_comes_after_a_death_at_any_request_makes_it_whole(store, after, then, monkeypatch):
    deploy(read(store), OLD)
    publication = read(store)
    distribute(publication, NEW)
    left = [after]
    ask = publication.bucket._ask

    def dying(*words, **more):
        if not left[0]:
            raise Died
        left[0] -= 1
        return ask(*words, **more)

    monkeypatch.setattr(publication.bucket, "_ask", dying)
    monkeypatch.setattr(s3_requests, "AT_ONCE", 1)
    try:
        publication.make_live(NEW)
    except Died:
        found = read(store)
        assert found.live is None if found.manifest.pending else found.live == A
    assert is_true(store)
    deploy(read(store), then)
    assert shows_all_of(store, SECOND if then is NEW else FIRST)
    assert read(store).live == then.id
    assert is_true(store)


def test_the_second_of_two_deploys_stops_before_it_changes_what_visitors_see(store):
    """Two operators with two inventories hold two locks; the bucket is one."""
    deploy(read(store), OLD)
    first, second = read(store), read(store)
    deploy(first, NEW)
    there = served(store)
    third = of({**FIRST, "logo.png": "logo a"}, "20261124T170102Z-0000000c")
    with pytest.raises(DeployLockedError) as caught:
        second.make_live(third)
    assert caught.value.what == (
        "somebody else has written to the bucket since this deploy looked at it"
    )
    assert not second.put_back(OLD)  # nothing was begun, so nothing is undone
    assert served(store) == there
    assert read(store).live == B


def test_a_manifest_that_was_written_though_the_answer_was_lost_is_ours(store):
    publication = read(store)
    distribute(publication, OLD)
    store.faults.append(Fault("PUT", MANIFEST, 0, after=True))
    publication.make_live(OLD)
    assert read(store).live == A


def test_the_manifest_is_not_written_when_an_object_could_not_be(store):
    store.faults.append(Fault("PUT", NAMED_A, 403, "AccessDenied"))
    with pytest.raises(CdnError):
        distribute(read(store), OLD)
    assert f"shop/static/{MANIFEST}" not in store.objects
    distribute(read(store), OLD)  # what arrived is there already
    assert read(store).lacks(OLD) == []


def test_other_headers_are_put_on_without_sending_the_bytes_again(store):
    publication = read(store)
    deploy(publication, OLD)
    items = [replace(item, headers={"Cache-Control": "no-cache"}) for item in hidden(OLD)[:1]]
    store.asked.clear()
    publication.fill(publication.manifest.lacks(items), [], A)
    assert store.objects[f"shop/static/{NAMED_A}"].headers["cache-control"] == "no-cache"
    assert store.body(f"shop/static/{NAMED_A}") == b"css a"
    assert is_true(store)


def test_a_url_that_would_change_its_bytes_is_refused(store):
    publication = read(store)
    deploy(publication, OLD)
    other = of({**FIRST, NAMED_A: "css b"}, B)
    with pytest.raises(ReleaseError, match="a URL must never change its bytes") as caught:
        publication.refuse_contradictions(hidden(other))
    assert NAMED_A in caught.value.what


def test_an_audit_sees_what_others_did_and_the_next_deploy_mends_it(store):
    deploy(read(store), OLD)
    store.objects["shop/static/paper.png"].body = b"SAME"
    del store.objects[f"shop/static/{NAMED_A}"]
    publication = read(store)
    astray = publication.audit()
    assert astray == {NAMED_A: "is missing", "paper.png": "was written by somebody else"}
    publication.forget(astray)
    deploy(read(store), OLD)
    assert shows_all_of(store, FIRST)
    assert read(store).audit() == {}


def test_a_prune_deletes_what_no_release_uses_and_nothing_else(store):
    deploy(read(store), OLD)
    deploy(read(store), NEW)
    store.objects["shop/static/theirs.txt"] = store.objects[f"shop/static/{NAMED_B}"]
    publication = read(store)
    kept = {item.key for item in (*hidden(NEW), *visible(NEW))}
    publication.delete(sorted(publication.manifest.files.keys() - kept))
    assert set(served(store)) == {*SECOND, "theirs.txt"}
    assert shows_all_of(store, SECOND)
    assert is_true(store)
    assert read(store).audit() == {}


def test_a_manifest_that_cannot_be_read_stops_everything(store):
    deploy(read(store), OLD)
    store.objects[f"shop/static/{MANIFEST}"].body = b"{"
    with pytest.raises(Exception, match="manifest cannot be read") as caught:
        read(store)
    assert caught.value.where == f"s3://shop/static/{MANIFEST}"


# ---- a flip that breaks off while copies are under way


class Interrupted:
    """Presses Ctrl-C once the store has been asked to write a key; what waits for copies, waits on."""

    def __init__(self, store, monkeypatch, key, *, holds=False):
        self.asked, self.released, self.is_pressed = threading.Event(), threading.Event(), False

        def before(method, path):
            if method == "PUT" and path.endswith(key) and not self.asked.is_set():
                self.asked.set()
                if holds:
                    assert self.released.wait(120)

        real = s3.wait

        def wait(futures, *timeout):
            if not self.is_pressed:
                assert self.asked.wait(120)
                self.is_pressed = True
                raise KeyboardInterrupt
            if timeout:
                self.released.set()
            answer = real(futures, *timeout)
            self.released.set()
            return answer

        store.before = before
        monkeypatch.setattr(s3, "wait", wait)


def test_a_copy_that_is_under_way_at_ctrl_c_does_not_land_after_the_way_back(store, monkeypatch):
    """Visitors would keep the new bytes, and exit 1 would say that what was live is live."""
    deploy(read(store), OLD)
    publication = read(store)
    distribute(publication, NEW)
    Interrupted(store, monkeypatch, "static/logo.png", holds=True)
    with pytest.raises(KeyboardInterrupt):
        publication.make_live(NEW)
    assert publication.put_back(OLD)
    for thread in threading.enumerate():
        if thread.name.startswith("fab_static s3"):
            thread.join(120)
    assert shows_all_of(store, FIRST)
    assert read(store).live == A
    assert is_true(store)


def test_after_ctrl_c_nothing_is_tried_again(store, monkeypatch):
    deploy(read(store), OLD)
    publication = read(store)
    distribute(publication, NEW)
    for name in ("FIRST_PAUSE_SECONDS", "LONGEST_PAUSE_SECONDS"):
        monkeypatch.setattr(s3_requests, name, 300.0)
    monkeypatch.setattr(s3_requests.random, "uniform", lambda _least, most: most)
    store.asked.clear()
    store.faults.append(Fault("PUT", "static/logo.png", 503, "SlowDown"))
    Interrupted(store, monkeypatch, "static/logo.png")
    with pytest.raises(KeyboardInterrupt):
        publication.make_live(NEW)
    publication.put_back(OLD)
    assert store.asked.count(("PUT", "shop/static/logo.png")) == 2  # there, and back
    assert shows_all_of(store, FIRST)
    assert is_true(store)


def test_a_copy_that_is_never_answered_is_no_way_back(store, monkeypatch):
    """Nobody knows when it lands: the flip ends with exit 5, and the next command copies all anew."""
    deploy(read(store), OLD)
    monkeypatch.setattr(s3_requests, "READ_SECONDS", 0.2)
    publication = read(store)
    distribute(publication, NEW)
    store.faults.append(Fault("PUT", "static/logo.png", hangs=True))
    Interrupted(store, monkeypatch, "static/logo.png")
    with pytest.raises(KeyboardInterrupt):
        publication.make_live(NEW)
    with pytest.raises(CdnError) as caught:
        publication.put_back(OLD)
    assert str(caught.value) == (
        "the store has not answered whether it copied 1 key, such as logo.png: "
        "they may get their new bytes yet\n"
        f"  where: {publication.name}\n"
        "  mend:  run the command again: it copies them once more"
    )
    assert shows_all_of(store, FIRST)
    found = read(store)
    assert (found.live, found.manifest.pending) == (None, B)
    deploy(found, OLD)
    assert read(store).live == A
    assert is_true(store)


def test_any_failure_stops_the_copies_as_ctrl_c_does(store, monkeypatch):
    """A bug, say, or a host that stops sending the bytes."""
    deploy(read(store), OLD)
    publication = read(store)
    distribute(publication, NEW)
    for name in ("FIRST_PAUSE_SECONDS", "LONGEST_PAUSE_SECONDS"):
        monkeypatch.setattr(s3_requests, name, 300.0)
    monkeypatch.setattr(s3_requests.random, "uniform", lambda _least, most: most)
    asked = threading.Event()
    store.before = lambda _method, path: path.endswith("logo.png") and asked.set()
    store.faults.append(Fault("PUT", "static/logo.png", 503, "SlowDown"))

    def items():
        yield from ((item, b"") for item in publication.visible(NEW))
        assert asked.wait(120)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        publication.bucket.each(items(), lambda item, _: publication.bucket.copy(item))
    publication.bucket.settle()
    assert (
        store.asked.count(("PUT", "shop/static/logo.png")) == 2
    )  # of the first deploy, and one try
    assert publication.bucket.get(MANIFEST)  # who asks himself goes on


def test_ctrl_c_while_the_manifest_is_written_is_put_back(store, monkeypatch):
    """The store had taken it: that is no other operator."""
    deploy(read(store), OLD)
    publication = read(store)
    distribute(publication, NEW)
    put = publication.bucket.put

    def interrupted(key, body, **more):
        etag = put(key, body, **more)
        if json.loads(body)["pending"] is None:
            monkeypatch.undo()
            store.sign_in(monkeypatch)
            raise KeyboardInterrupt
        return etag

    monkeypatch.setattr(publication.bucket, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        publication.make_live(NEW)
    assert publication.put_back(OLD)
    assert shows_all_of(store, FIRST)
    assert read(store).live == A
    assert is_true(store)
