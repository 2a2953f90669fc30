"""Objects that come from a host are those that were asked for, with their own bytes (fleet D1, D3)."""

import zlib

import pytest

from fab_static.errors import RemoteError
from fab_static.host.agent.protocol import RECORD
from fab_static.plan.wire import asks, verbs
from tests.unit.remote.wires import Wire, frame, host_with, peak


def test_an_object_with_other_bytes_than_its_name_is_not_taken(tmp_path):
    host = host_with(Wire(frame({"ok": True}, b"5")), tmp_path)
    with pytest.raises(RemoteError, match="has other bytes than its name says"):
        host.ask(verbs.READ_OBJECT, asks.Object(object="0" * 64))


def test_a_stream_that_nobody_reads_to_its_end_ends_with_its_channel(tmp_path):
    wanted = RECORD.pack(b"\0" * 32, 10)
    pack = RECORD.pack(b"\0" * 32, 10) + b"x" * 10
    channel = Wire(frame({"pack": "plain", "raw": 42}, pack[:42]))
    stream = host_with(channel, tmp_path).packs(verbs.FETCH, wanted)
    next(stream)
    stream.close()
    assert channel.closed


def test_what_is_inflated_is_no_more_than_was_asked_for(tmp_path):
    """A kilobyte inflates to a megabyte, and a megabyte to a gigabyte."""
    wanted = RECORD.pack(b"\0" * 32, 10)
    bomb = zlib.compress(b"\0" * 300_000_000, 9)
    channel = Wire(frame({"pack": "deflate", "raw": RECORD.size + 10}, bomb))
    used, error = peak(lambda: list(host_with(channel, tmp_path).objects(wanted)))
    assert used < 5_000_000
    assert error.what.endswith("a pack of another size than it says")


@pytest.mark.parametrize(
    "head",
    [
        {"pack": "plain", "raw": 0}, {"pack": "plain", "raw": -1}, {"pack": "plain", "raw": 10**9},
        {"pack": "plain"}, {"pack": "plain", "raw": "1"}, {"pack": "plain", "raw": 2}, {"pack": 5, "raw": 1},
        {"pack": "deflate", "raw": 1000}, {"pack": "zip", "raw": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_stream_holds_what_was_asked_for(tmp_path, head):
    wanted = RECORD.pack(b"\0" * 32, 10)
    channel = Wire(*[frame(head, b"x")] * 100)
    with pytest.raises(RemoteError, match=r"(objects that were|an object that was) not asked for"):
        list(host_with(channel, tmp_path).objects(wanted))
    assert channel.closed


def test_an_object_that_nobody_asked_for_is_not_gathered(tmp_path):
    wanted = RECORD.pack(b"\0" * 32, 10_000_000)
    other = RECORD.pack(b"\1" * 32, 10_000_000) + b"x" * 1000
    channel = Wire(frame({"pack": "plain", "raw": len(other)}, other))
    with pytest.raises(RemoteError, match="an object that was not asked for"):
        list(host_with(channel, tmp_path).objects(wanted))


def test_a_stream_that_ends_too_early_is_told(tmp_path):
    with pytest.raises(RemoteError, match="fewer objects than were asked for"):
        list(
            host_with(Wire(frame({"ok": True})), tmp_path).packs(
                verbs.FETCH, RECORD.pack(b"\0" * 32, 1)
            )
        )
