"""A release -> what a bucket must hold of it: keys, headers, order; and the manifest of what it holds.

Keys, below the prefix that stands for STATIC_URL (DESIGN §8):

    css/output.3f9c1a7b2d4e.css     content-named: under its own name, which no other bytes ever get
    pool/<version>/<path>           versioned: what `?version=` names, where a function rewrites the URL
    <path>                          versioned and unversioned: the bytes that are live; copied at the flip
    .fab_static/objects/ab/abc…     bytes by SHA-256: what `<path>` is copied from, and what hosts fetch
    .fab_static/lent/<SHA-256>      what many hosts are sent alike (lending.py); `prune` deletes it
    .fab_static/manifest.json       which of these are there, and which release is live
    .fab_static/lock.json           who deploys, where no build host lasts (bucket_lock.py)
    .fab_static/record.json         what was done, likewise (bucket_record.py)
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType

from fab_static.errors import ManifestError, ReleaseError
from fab_static.plan.cdn.cache_tags import TAG_HEADER, tags_of
from fab_static.plan.content_types import content_type
from fab_static.plan.ids import is_id
from fab_static.plan.nginx import IMMUTABLE, UNVERSIONED
from fab_static.plan.release import Release
from fab_static.plan.wording import indented

FORMAT = 1
PRIVATE = ".fab_static/"  # what lies below it is not for visitors
MANIFEST = PRIVATE + "manifest.json"
LENT = PRIVATE + "lent/"
PROBE = PRIVATE + "probe"  # what is written and copied to see whether that is allowed
PROBE_COPY = PRIVATE + "probe-copy"
MAX_KEY_BYTES = 1024  # Amazon S3 User Guide, "Naming Amazon S3 objects"

_RESERVED = re.compile(r"\.fab_static(/|\Z)|pool/[0-9a-f]{7}/")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@cache  # a release has a few dozen kinds of files
def _digest(headers: tuple[tuple[str, str], ...]) -> str:
    return hashlib.sha256(json.dumps(headers).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Item:
    """One object that a release needs: its key below the prefix, its bytes, and how it is served.

    `source` is the key whose bytes it is copied from, or None if its bytes are sent.
    """

    key: str
    sha256: str
    size: int
    headers: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None

    @property
    def headers_digest(self) -> str:
        """What the manifest keeps of the headers: other ones are a change."""
        return _digest(tuple(sorted(self.headers.items())))


@dataclass(frozen=True)
class Entry:
    """What the manifest knows of one key; no SHA-256: ours, but a flip broke off while it was written."""

    sha256: str | None
    size: int = 0
    headers: str = ""
    release: str = ""  # the release that it was put there for
    etag: str = ""  # as the store gave it: a listing shows what others wrote since


@dataclass(frozen=True)
class Manifest:
    """What a bucket holds, and which release is live there.

    An entry is true: the key has those bytes. `pending` is a release whose flip has begun and not ended.
    """

    app: str
    environment: str
    release: str | None = None
    pending: str | None = None
    files: Mapping[str, Entry] = field(default_factory=lambda: MappingProxyType({}))

    def holds(self, item: Item) -> bool:
        """Tell whether the key has these bytes and these headers."""
        known = self.files.get(item.key)
        return known is not None and (known.sha256, known.size, known.headers) == (
            item.sha256,
            item.size,
            item.headers_digest,
        )

    def lacks(self, items: Iterable[Item]) -> list[Item]:
        """Return those that must still be written."""
        return [item for item in items if not self.holds(item)]

    def having(self, written: Iterable[tuple[Item, str]], release: str) -> Manifest:
        """Return the manifest once these, each with its ETag, were written for a release."""
        new = {
            item.key: Entry(item.sha256, item.size, item.headers_digest, release, etag)
            for item, etag in written
        }
        return replace(self, files={**self.files, **new})

    def beginning(self, release: str, items: Iterable[Item]) -> Manifest:
        """Return the manifest while a flip writes these: nobody may rely on what they hold."""
        doubtful = {item.key: Entry(None, release=release) for item in items}
        return replace(self, pending=release, files={**self.files, **doubtful})

    def without(self, keys: Iterable[str]) -> Manifest:
        """Return the manifest without these keys."""
        gone = set(keys)
        left = {key: entry for key, entry in self.files.items() if key not in gone}
        return replace(self, files=left)

    def to_json(self) -> str:
        """Return the manifest's text."""
        return json.dumps(
            {
                "format": FORMAT,
                "app": self.app,
                "environment": self.environment,
                "release": self.release,
                "pending": self.pending,
                "fields": ["sha256", "size", "headers", "release", "etag"],
                "files": {
                    key: [one.sha256, one.size, one.headers, one.release, one.etag]
                    for key, one in sorted(self.files.items())
                },
            },
            separators=(",", ":"),
        )


def read_manifest(text: bytes, *, app: str, environment: str, where: str) -> Manifest:
    """Return the manifest that a bucket holds.

    Raises:
        ManifestError: it is not one, has another format, or is another app's or environment's.
    """
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise ManifestError(
                f"the bucket's manifest has format {data['format']}, and this fab_static knows {FORMAT}",
                where=where,
                mend="use the version of fab_static that wrote it",
            )
        manifest = Manifest(
            app=data["app"],
            environment=data["environment"],
            release=data["release"],
            pending=data["pending"],
            files={key: Entry(*known) for key, known in data["files"].items()},
        )
        ids = [one for one in (manifest.release, manifest.pending) if one is not None]
        if not all(map(is_id, ids)):
            raise ValueError(f"{ids} are not releases")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ManifestError(
            f"the bucket's manifest cannot be read: {type(error).__name__}: {error}",
            where=where,
            mend="delete that object; the next deploy looks at the bucket again and writes it",
        ) from error
    if (manifest.app, manifest.environment) != (app, environment):
        raise ManifestError(
            f"the bucket's prefix belongs to {manifest.app} {manifest.environment}, "
            f"not to {app} {environment}",
            where=where,
            mend="give each app and environment a bucket or a prefix of its own",
        )
    return manifest


# ---- what a release needs


def object_key(sha256: str) -> str:
    """Return the key of bytes by their SHA-256."""
    return f"{PRIVATE}objects/{sha256[:2]}/{sha256}"


def is_for_good(key: str, entry: Entry) -> bool:
    """Tell whether no other bytes ever get this key."""
    known = Item(key, "", 0, headers(key, IMMUTABLE)).headers_digest
    return key.startswith(PRIVATE + "objects/") or entry.headers == known


def object_item(sha256: str, size: int) -> Item:
    """Return bytes by their SHA-256: visitors do not ask for them."""
    return Item(object_key(sha256), sha256, size, {"Content-Type": "application/octet-stream"})


def hidden(release: Release) -> list[Item]:
    """Return what goes into the bucket before the flip: no page that is live prints any of it.

    Content-named files, then versioned ones, then the bytes of all others.
    """
    refuse_impossible(release)
    named, pool, objects = [], [], {}
    content_named = set(release.named)
    for path, file in sorted(release.files.items()):
        if path in content_named:
            named.append(Item(path, file.sha256, file.size, headers(path, IMMUTABLE)))
        if path in release.versions:
            key = f"pool/{release.versions[path]}/{path}"
            pool.append(Item(key, file.sha256, file.size, headers(path, IMMUTABLE)))
        elif path not in content_named:
            objects[file.sha256] = object_item(file.sha256, file.size)
    return [*named, *pool, *objects.values()]


def visible(release: Release, *, tags: bool = False) -> list[Item]:
    """Return what the flip writes: each path's own key, copied inside the bucket.

    With `tags` each carries those of its file and folders. What never changes needs none.
    """
    found = []
    content_named = set(release.named)
    for path, file in sorted(release.files.items()):
        if path in content_named:
            continue
        if path in release.versions:
            source = f"pool/{release.versions[path]}/{path}"
        else:
            source = object_key(file.sha256)
        served = headers(path, UNVERSIONED)
        if tags:
            served[TAG_HEADER] = ",".join(tags_of(path))
        found.append(Item(path, file.sha256, file.size, served, source))
    return found


def keys_of(release: Release) -> Iterator[str]:
    """Yield every key that a release needs as long as it is kept."""
    for item in (*hidden(release), *visible(release)):
        yield item.key


def headers(path: str, cache_control: str) -> dict[str, str]:
    """Return how a file is served."""
    return {"Content-Type": content_type(path), "Cache-Control": cache_control}


def refuse_impossible(release: Release) -> None:
    """Refuse names that a bucket cannot hold, or that are ours there.

    Raises:
        ReleaseError: naming them.
    """
    problems = []
    for path in release.files:
        try:
            size = len(path.encode())
        except UnicodeEncodeError:
            problems.append(f"{path!r} is not UTF-8")
            continue
        if size > MAX_KEY_BYTES - 64:
            problems.append(f"{path} has {size} bytes, and keys have {MAX_KEY_BYTES} at most")
        elif _RESERVED.match(path):
            problems.append(f"{path} is a name that fab_static uses in the bucket itself")
    if problems:
        raise ReleaseError(
            f"{len(problems)} files cannot stand in a bucket:\n" + indented(problems, 20),
            where=f"release {release.id}",
            mend="rename them in the project",
        )


def served_otherwise(manifest: Manifest, items: Iterable[Item]) -> list[str]:
    """Return the keys whose headers are not these: caches keep those that they were given."""
    return [
        item.key
        for item in items
        if (known := manifest.files.get(item.key)) and known.headers != item.headers_digest
    ]


def with_other_bytes(manifest: Manifest, items: Iterable[Item]) -> list[str]:
    """Return the keys that hold other bytes than these: caches may have them."""
    return [
        item.key
        for item in items
        if (known := manifest.files.get(item.key))
        and known.sha256 is not None
        and known.sha256 != item.sha256
    ]


def to_delete(manifest: Manifest, kept: Iterable[Release], hub_objects: Iterable[str]) -> list[str]:
    """Return the keys that no kept release uses, sorted; of the manifest's alone: others are not ours.

    `hub_objects` are the SHA-256 of what hosts may still fetch.
    """
    needed = {key for release in kept for key in keys_of(release)}
    needed |= {object_key(sha256) for sha256 in hub_objects}
    return sorted(manifest.files.keys() - needed)


def astray(manifest: Manifest, listed: Mapping[str, tuple[int, str]]) -> dict[str, str]:
    """Return what a listing shows otherwise than the manifest says: key -> in which way.

    `listed` maps a key below the prefix to its size and ETag. Keys that flips left in doubt are not
    looked at.
    """
    wrong = {}
    for key, known in manifest.files.items():
        if known.sha256 is None:
            continue
        if key not in listed:
            wrong[key] = "is missing"
        elif listed[key][0] != known.size:
            wrong[key] = f"has {listed[key][0]} bytes, not {known.size}"
        elif known.etag and listed[key][1] != known.etag:
            wrong[key] = "was written by somebody else"
    return wrong


def tickets(urls: Mapping[str, str]) -> dict[str, dict[str, bytes]]:
    """Return presigned URLs as templates and what differs: template -> SHA-256 -> signature.

    So 10,000 of them are 750 kB for each host, not 7 MB; and the credentials' token stands there once.
    A template is of one second: the time is signed, too.

    Raises:
        ValueError: a URL has no signature at its end.
    """
    found: dict[str, dict[str, bytes]] = {}
    for sha256, url in urls.items():
        start, _, signature = url.rpartition("X-Amz-Signature=")
        if not start or not _SHA256.fullmatch(signature):
            raise ValueError("the URLs were signed in another way")
        template = (
            start.replace(f"{sha256[:2]}/{sha256}", "{object}") + "X-Amz-Signature={signature}"
        )
        found.setdefault(template, {})[sha256] = bytes.fromhex(signature)
    return found
