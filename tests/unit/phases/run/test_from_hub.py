"""URLs that hosts fetch by are signed when they are needed, once for all hosts, and anew when they are old."""

from types import SimpleNamespace

import pytest

from fab_static.phases.run import from_hub
from fab_static.plan.inventory import Host
from fab_static.plan.publication import object_item

ITEMS = [object_item(f"{number:064x}", 1) for number in range(5)]


class Hub:
    """A bucket that notes what it signs."""

    def __init__(self):
        self.signed = []

    @property
    def bucket(self):
        return self

    def presign(self, keys, *, seconds):
        keys = list(keys)
        self.signed.append(len(keys))
        return [f"https://s3/{key}?d={seconds}&X-Amz-Signature={'ab' * 32}" for key in keys]


class Fetching:
    """A host that notes how many objects it is asked to fetch at once."""

    def __init__(self, name):
        self.host, self.asked = Host(name, name, ("static",)), []

    def ask(self, verb, request, body):
        self.asked.append(len(body) // from_hub.TICKET.size)


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(from_hub, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    monkeypatch.setitem(from_hub.batches.__globals__, "MOST_OBJECTS", 3)
    return now


def one_by_one(hosts, work):
    for host in hosts:
        work(host)
    return {}, {}


def test_each_batch_is_signed_once_for_all_hosts(clock):
    hub, hosts = Hub(), [Fetching("edge1"), Fetching("edge2"), Fetching("edge3")]
    deploy = SimpleNamespace(fleet=SimpleNamespace(attempt=one_by_one))
    lacking = {
        hosts[0]: {item.sha256: 1 for item in ITEMS},
        hosts[1]: {ITEMS[4].sha256: 1},
        hosts[2]: {},
    }
    assert from_hub.fetch_from(deploy, hub, ITEMS, lacking) == {}
    assert hub.signed == [3, 2]
    assert [host.asked for host in hosts] == [[3, 2], [1], []]


def test_urls_that_are_old_when_a_host_needs_them_are_signed_anew(clock):
    """A line is slow: an hour after the first, a host would be refused."""
    hub = Hub()
    signed = from_hub.Signed(hub.bucket, ITEMS)
    signed.request(ITEMS)
    clock.seconds += from_hub.FRESH_SECONDS
    signed.request(ITEMS)
    assert hub.signed == [5]
    clock.seconds += 1
    signed.request(ITEMS)
    assert hub.signed == [5, 5]
