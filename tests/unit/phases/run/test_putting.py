"""The build host puts a release's objects into a bucket itself; what it cannot put, the operator does."""

import pytest

from fab_static.aws.s3 import Bucket
from fab_static.errors import CdnError
from fab_static.phases.distribute import lacks, ship
from fab_static.phases.run import putting
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.inventory import S3, Environment, Host, Project
from fab_static.plan.publication import object_item, object_key
from fab_static.plan.wire import verbs
from fab_static.remote import Fleet
from tests.releases import sealed
from tests.strict_s3 import REGION, Fault
from tests.unit.site import Told

FILES = {"a.txt": "a" * 5000, "b.txt": "b", "c.txt": "ccc"}
RELEASE = sealed(FILES)
SIZE = sum(file.size for file in RELEASE.files.values())
OF_B = RELEASE.files["b.txt"]


@pytest.fixture
def store(hub):
    return hub


@pytest.fixture
def relayed(monkeypatch):
    """Return the keys that the operator put."""
    keys, create = [], Bucket.create

    def noted(bucket, item, body):
        keys.append(item.key)
        return create(bucket, item, body)

    monkeypatch.setattr(Bucket, "create", noted)
    return keys


@pytest.fixture
def deploy_with(tmp_path, store):
    """Return a deployment to two hosts whose build host holds the release, with a bucket such as is asked for."""
    made = []

    def opened(**bucket):
        names = {"build1": ("build",), "edge1": ("static", "web"), "edge2": ("static", "web")}
        environment = Environment(
            name="production",
            app="shop",
            deploy_to=f"{tmp_path}/{{host}}",
            hosts=tuple(Host(name, name, roles, local=True) for name, roles in names.items()),
            project=Project(path=str(tmp_path)),
            hub=S3("hub", "", REGION, store.url, **bucket),
        )
        fleet = Fleet(environment)
        made.append(fleet)
        deploy = Deployment(environment, fleet, show=Told(), operator="me@here")
        deploy.look()
        for text in FILES.values():
            deploy.build.ask(verbs.PUT_OBJECT, body=text.encode())
        return deploy

    yield opened
    for fleet in made:
        fleet.close()


def shipped(deploy):
    ship(deploy, RELEASE, [deploy.build])
    assert set(map(len, lacks(deploy, RELEASE).values())) == {0}
    return deploy.show


def items():
    return [object_item(file.sha256, file.size) for file in RELEASE.files.values()]


def puts(store):
    return [key for method, key in store.asked if method == "PUT" and "/objects/" in key]


def test_the_build_host_puts_what_hosts_then_fetch(deploy_with, store, relayed):
    told = shipped(deploy_with())
    assert relayed == told.warned == []
    assert len(puts(store)) == 3
    assert told.said == [
        f"3 objects, {SIZE:,} bytes to s3://hub/, straight from the build host",
        f"6 objects, {2 * SIZE:,} bytes to 2 of 3 hosts",
    ]
    assert deploy_with().hub.manifest.files.keys() == {
        object_key(file.sha256) for file in RELEASE.files.values()
    }


@pytest.mark.parametrize("bucket", [{"put_by": "operator"}, {"checksum": False}], ids=str)
def test_the_operator_puts_where_the_build_host_shall_not_or_a_url_would_not_name_the_bytes(
    deploy_with, relayed, bucket
):
    told = shipped(deploy_with(**bucket))
    assert len(relayed) == 3
    assert told.said[0] == f"3 objects, {SIZE:,} bytes to s3://hub/"
    assert told.warned == []


def test_a_build_host_that_cannot_reach_the_store_is_told_once_and_the_operator_puts(
    deploy_with, relayed, monkeypatch
):
    deploy = deploy_with()
    deploy.build.close_agent()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # of its next agent alone
    deploy.build.ask(verbs.PING)
    monkeypatch.delenv("http_proxy")
    told = shipped(deploy)
    assert len(relayed) == 3
    assert told.warned == [
        "build1 cannot put into s3://hub/ (the store cannot be reached: connection refused); "
        f"3 objects, {SIZE:,} bytes go through this machine"
    ]
    more = sealed({"d.txt": "d"}, "20261124T170102Z-0000000c")
    deploy.build.ask(verbs.PUT_OBJECT, body=b"d")
    ship(deploy, more, [deploy.build])
    assert len(told.warned) == 1
    assert len(relayed) == 4


def test_what_the_store_refuses_from_the_build_host_alone_the_operator_puts(
    deploy_with, store, relayed
):
    """A policy may name networks."""
    store.faults.append(Fault("PUT", OF_B.sha256, 403, "AccessDenied"))
    told = shipped(deploy_with())
    assert relayed == [object_key(OF_B.sha256)]
    assert told.warned == [
        "build1 cannot put into s3://hub/ (S3 denies PUT (s3:PutObject): AccessDenied, no (request R1)); "
        "1 object, 1 byte go through this machine"
    ]


def test_a_url_that_has_ended_is_signed_anew(deploy_with, store, relayed):
    ended = {"status": 403, "code": "AccessDenied", "message": "Request has expired"}
    store.faults.append(Fault("PUT", OF_B.sha256, **ended))
    told = shipped(deploy_with())
    assert relayed == told.warned == []
    assert len(puts(store)) == 4


def test_where_every_url_has_ended_at_once_the_operator_puts(deploy_with, store, relayed):
    """A clock is wrong; asked again and again, no deploy would ever end."""
    ended = {"status": 403, "code": "AccessDenied", "message": "Request has expired"}
    store.faults.append(Fault("PUT", "objects/", **ended, times=3))
    told = shipped(deploy_with())
    assert len(relayed) == 3
    assert len(told.warned) == 1


def test_what_is_there_already_counts_as_put_and_other_bytes_are_refused(
    deploy_with, store, relayed
):
    """A deploy was killed before it noted what it had put."""
    deploy = deploy_with()
    putting.put_from_build_host(deploy, deploy.hub, items(), [deploy.build])
    told = shipped(deploy)
    assert relayed == told.warned == []

    for one in store.objects.values():
        one.headers["x-amz-meta-sha256"] = "0" * 64
    again = deploy_with()
    with pytest.raises(CdnError, match="other bytes stand under"):
        putting.put_from_build_host(again, again.hub, items(), [again.build])


def test_whether_the_build_host_can_put_is_tried_with_what_is_there_and_changes_nothing(
    deploy_with, store
):
    deploy = deploy_with()
    assert putting.tried(deploy, deploy.hub) is None  # nothing is there yet
    shipped(deploy)
    before = {key: one.body for key, one in store.objects.items()}
    store.asked.clear()
    assert putting.tried(deploy, deploy.hub) == ("build1", None)
    assert puts(store) == [f"hub/{object_key(OF_B.sha256)}"]  # the smallest
    assert {key: one.body for key, one in store.objects.items()} == before


def test_what_keeps_the_build_host_from_putting_is_said(deploy_with, store):
    deploy = deploy_with()
    shipped(deploy)
    store.faults.append(Fault("PUT", OF_B.sha256, 403, "AccessDenied"))
    name, why = putting.tried(deploy, deploy.hub)
    assert (name, why) == ("build1", "S3 denies PUT (s3:PutObject): AccessDenied, no (request R1)")
    again = deploy_with(put_by="operator")
    assert putting.tried(again, again.hub) is None


def test_no_more_is_signed_than_one_batch_at_a_time(deploy_with, store, relayed, monkeypatch):
    signed, sign = [], Bucket.sign_puts

    def noted(bucket, items, *, seconds):
        signed.append((len(items), len(store.objects)))
        return sign(bucket, items, seconds=seconds)

    monkeypatch.setattr(Bucket, "sign_puts", noted)
    monkeypatch.setitem(putting.batches.__globals__, "MOST_OBJECTS", 2)
    shipped(deploy_with())
    assert signed == [(2, 0), (1, 2)]
    assert relayed == []
