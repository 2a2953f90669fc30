"""URLs that hosts fetch by are signed when they are needed, once for all hosts, and anew when they are old."""

import zlib
from types import SimpleNamespace

import pytest

from fab_static.phases.run import from_hub, lending
from fab_static.plan.inventory import Host
from fab_static.plan.publication import object_item

ITEMS = [object_item(f"{number:064x}", 1) for number in range(5)]


class Hub:
    """A bucket that notes what it signs."""

    def __init__(self):
        self.signed, self.lends, self.unreached, self.held = [], True, {}, {}

    @property
    def bucket(self):
        return self

    def put(self, key, body, *, headers, sha256):
        self.held[key] = zlib.decompress(body)

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
        self.lent = request.get("lent")


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
    deploy = SimpleNamespace(fleet=SimpleNamespace(attempt=one_by_one), hub=hub)
    lacking = {
        hosts[0]: {item.sha256: 1 for item in ITEMS},
        hosts[1]: {ITEMS[4].sha256: 1},
        hosts[2]: {},
    }
    assert from_hub.fetch_from(deploy, hub, ITEMS, lacking) == {}
    assert hub.signed == [3, 2]
    assert [host.asked for host in hosts] == [[3, 2], [1], []]


def test_a_long_list_is_lent_once_and_each_host_is_told_which_of_it(clock, monkeypatch):
    monkeypatch.setattr(from_hub, "MUCH", 2 * from_hub.TICKET.size)
    monkeypatch.setattr(lending, "MUCH", 2 * from_hub.TICKET.size)
    hub, hosts = Hub(), [Fetching("edge1"), Fetching("edge2"), Fetching("web1"), Fetching("edge3")]
    deploy = SimpleNamespace(fleet=SimpleNamespace(attempt=one_by_one), hub=hub)
    everything = {item.sha256: 1 for item in ITEMS[:3]}
    some = {item.sha256: 1 for item in ITEMS[1:3]}
    hub.unreached[hosts[3]] = "the store answered 403"
    lacking = dict(zip(hosts, [everything, some, {ITEMS[0].sha256: 1}, everything], strict=True))
    assert from_hub.fetch_from(deploy, hub, ITEMS[:3], lacking) == {
        hosts[3]: "the store answered 403"
    }
    (held,) = hub.held.values()
    tickets = [ticket[0].hex() for ticket in from_hub.TICKET.iter_unpack(held)]
    assert tickets == [*everything]
    assert b"http" not in held  # signatures alone are nothing
    assert [host.asked for host in hosts] == [[0], [0], [1], []]
    assert [host.lent and host.lent["sha256"] for host in hosts[:3]] == [
        *2 * [next(iter(hub.held)).rpartition("/")[2]],
        None,
    ]


def test_urls_that_are_old_when_a_host_needs_them_are_signed_anew(clock):
    """A line is slow: an hour after the first, a host would be refused."""
    hub = Hub()
    signed = from_hub.Signed(hub.bucket, ITEMS)
    wanted = {item.sha256 for item in ITEMS}
    signed.request(wanted)
    clock.seconds += from_hub.FRESH_SECONDS
    signed.request(wanted)
    assert hub.signed == [5]
    clock.seconds += 1
    signed.request(wanted)
    assert hub.signed == [5, 5]
