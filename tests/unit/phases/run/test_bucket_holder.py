"""A bucket gives objects, by SHA-256, from keys that keep their bytes; and never wrong ones."""

from __future__ import annotations

import hashlib

import pytest

from fab_static.host.agent.protocol import RECORD
from fab_static.phases.run.bucket_holder import InBucket, LackingError
from fab_static.phases.run.publication import Publication
from fab_static.plan.inventory import S3, Environment, Project
from fab_static.plan.publication import hidden, visible
from fab_static.plan.wire import verbs
from tests.releases import sealed
from tests.strict_s3 import REGION, StrictS3

FILES = {"CACHE/output.aaaaaaaaaaaa.css": "css", "cart.js": "cart", "logo.svg": "logo"}


@pytest.fixture
def held(store: StrictS3) -> Publication:
    """A bucket in which a release is live."""
    place = S3("shop", "static/", REGION, store.url)
    publication = Publication(place, Environment("production", "shop", "/srv", (), Project("/srv")))
    named = [path for path in FILES if path.startswith("CACHE/")]
    release = sealed(FILES, versioned=["cart.js"], named=named)
    bodies = [(sha256_of(text), text.encode()) for text in FILES.values()]
    publication.fill(hidden(release), bodies, release.id)
    publication.make_live(release)
    assert len(publication.manifest.files) == len(hidden(release)) + len(visible(release))
    return publication


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def records(*texts: str) -> bytes:
    return b"".join(RECORD.pack(bytes.fromhex(sha256_of(text)), len(text)) for text in texts)


def test_every_object_is_read_from_a_key_that_no_flip_writes(
    held: Publication, store: StrictS3
) -> None:
    store.asked.clear()
    holder = InBucket(held).sibling()
    assert dict(holder.objects(records(*FILES.values()))) == {
        sha256_of(text): text.encode() for text in FILES.values()
    }
    assert {key for _, key in store.asked}.isdisjoint(
        {"shop/static/cart.js", "shop/static/logo.svg"}
    )
    frames = [*holder.packs(verbs.FETCH, records("cart"))]
    assert frames == [({"pack": "plain", "raw": 44}, records("cart") + b"cart")]
    holder.close_agent()


def test_what_it_lacks_is_named_by_its_record(held: Publication) -> None:
    holder = InBucket(held)
    assert holder.lacks(records("cart", "other")) == records("other")
    with pytest.raises(LackingError, match="the bucket lacks object"):
        holder.object(sha256_of("other"))


def test_other_bytes_in_its_place_are_refused(held: Publication, store: StrictS3) -> None:
    for key, one in store.objects.items():
        if ".fab_static/objects/" in key:
            one.body = b"evil"
    with pytest.raises(LackingError) as caught:
        InBucket(held).object(sha256_of("logo"))
    assert caught.value.what.startswith("the bucket holds other bytes in the place of object")
    assert caught.value.mend == "fab production verify --audit, then deploy"
