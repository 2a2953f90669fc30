"""What hosts are sent alike goes into the bucket once; where that cannot be, each is sent its own."""

import os
import urllib.error
import urllib.request
import zlib
from types import SimpleNamespace

import pytest

from fab_static.phases.run.lending import MUCH, lend
from fab_static.phases.run.publication import Publication
from fab_static.plan.inventory import S3, Environment, Host, Project
from fab_static.plan.publication import LENT
from tests.strict_s3 import REGION, Fault
from tests.unit.site import Told

BODY = os.urandom(MUCH)


@pytest.fixture
def store(hub):
    return hub


@pytest.fixture
def deploy(store):
    environment = Environment(
        name="production",
        app="shop",
        deploy_to="/srv/shop",
        hosts=(Host("web1", "web1", ("build", "static", "web")),),
        project=Project(path="/srv/shop"),
    )
    place = S3("hub", "static/", REGION, store.url, sse="AES256")
    return SimpleNamespace(hub=Publication(place, environment), show=Told())


def test_what_is_lent_is_had_by_its_url_and_not_without(deploy, store):
    lent = lend(deploy, BODY, hosts=2)
    data = urllib.request.urlopen(lent["url"]).read()
    assert zlib.decompress(data) == BODY
    assert len(data) == lent["size"]
    (key,) = store.objects
    assert key == f"hub/static/{LENT}{lent['sha256']}"
    assert store.objects[key].headers["cache-control"] == "no-store"
    bare = lent["url"].partition("?")[0]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(bare)
    assert deploy.show.warned == []


@pytest.mark.parametrize(("hosts", "size"), [(1, MUCH), (0, MUCH), (64, MUCH - 1)])
def test_what_one_host_needs_or_is_small_is_not_lent(deploy, store, hosts, size):
    assert lend(deploy, BODY[:size], hosts=hosts) is None
    assert store.asked == []


def test_a_fleet_without_a_bucket_lends_nothing():
    assert lend(SimpleNamespace(hub=None), BODY, hosts=64) is None


def test_who_may_only_read_is_told_once_and_sends_each_host_its_own(deploy, store):
    store.faults.append(Fault("PUT", "/lent/", 403, "AccessDenied", times=99))
    assert lend(deploy, BODY, hosts=2) is None
    assert lend(deploy, BODY, hosts=2) is None
    assert len(store.asked) == 1
    assert deploy.show.warned == [
        "s3://hub/static/ does not take what hosts are sent alike (S3 denies PUT (s3:PutObject): AccessDenied, no "
        "(request R1)); each is sent its own"
    ]


def test_what_was_lent_is_taken_back_and_nothing_else(deploy, store):
    lend(deploy, BODY, hosts=2)
    deploy.hub.bucket.put("lent/a.js", b"a visitor's", headers={})
    deploy.hub.bucket.put(".fab_static/lock.json", b"{}", headers={})
    deploy.hub.take_back()
    assert sorted(store.objects) == ["hub/static/.fab_static/lock.json", "hub/static/lent/a.js"]
