"""What the build host is sent of presigned PUTs: what many have in common once, and what each has of its own."""

from fab_static.plan.publication import Item
from fab_static.plan.putting import SignedPut, batches, ways


def signed(key, size=1, second="1", **headers):
    item = Item(key, "ab" * 32, size)
    own = {
        "Content-Length": str(size),
        "x-amz-meta-sha256": "ab" * 32,
        "x-amz-checksum-sha256": "q6s=",
    }
    query = f"X-Amz-Date={second}&X-Amz-Signature={'cd' * 32}"
    return SignedPut(item, "https://s3/shop/", key, query, {**headers, **own})


def test_what_only_differs_in_key_bytes_and_signature_goes_one_way():
    found, goes = ways([signed("a.css", 1, a="x"), signed("b.css", 2, a="x"), signed("c", a="y")])
    assert goes == [0, 0, 1]
    assert found[0] == {
        "url": "https://s3/shop/{key}?X-Amz-Date=1&X-Amz-Signature={signature}",
        "headers": {
            "a": "x",
            "Content-Length": "{size}",
            "x-amz-meta-sha256": "{sha256}",
            "x-amz-checksum-sha256": "{checksum}",
        },
    }
    assert signed("a.css").signature == b"\xcd" * 32


def test_what_was_signed_in_another_second_goes_another_way():
    assert ways([signed("a"), signed("b", second="2")])[1] == [0, 1]


def test_a_batch_has_so_many_objects_or_bytes_and_one_that_is_larger_goes_alone(monkeypatch):
    monkeypatch.setitem(batches.__globals__, "MOST_OBJECTS", 3)
    monkeypatch.setitem(batches.__globals__, "MOST_BYTES", 10)
    sizes = [1, 1, 1, 1, 9, 1, 50, 2]
    found = list(batches([Item(str(at), "", size) for at, size in enumerate(sizes)]))
    assert [[item.size for item in batch] for batch in found] == [[1, 1, 1], [1, 9], [1], [50], [2]]
    assert list(batches([])) == []
