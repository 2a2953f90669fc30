"""A sealed release as one file: a plain tar in which every byte follows from what it holds.

The members, in this order, each once:

    fab_static-release          what this is: format, app, environment, release, SHA-256 of the seal
    release.json                the seal, as it was sealed
    release.json.sig            the signature of it and of the next, where it has one
    release.intoto.json         how it was built, where somebody says so
    objects/ab/abcdef…          the bytes, by SHA-256: of manifests, of resource_versions.yml, of files, of copies

Two archives of one release are equal bit by bit: no header says when it was written, or who did it. So a reader
knows each header before it comes, and refuses any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from tarfile import BLOCKSIZE, USTAR_FORMAT, TarInfo

from fab_static.errors import InventoryError
from fab_static.plan.ids import is_id
from fab_static.plan.names import unusable
from fab_static.plan.release import File, Release

FORMAT = 1
MARKER, SEAL = "fab_static-release", "release.json"
BESIDE = {  # a key of the marker, and of what stands beside a seal -> the member
    "signature": "release.json.sig",
    "statement": "release.intoto.json",
}
MOST_MARKER = 16 * 1024  # bytes
MOST_BESIDE = 64 * 1024
MOST_SEAL = 64 * 1024 * 1024  # as verbs.READ_RELEASE
END = bytes(2 * BLOCKSIZE)
VERSIONS_FILES = ("resource_versions.yml", "resource_versions.yaml")
_OBJECT = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"[0-9a-f]{7}")

DAMAGED = "copy it again from where it was written, or write it again: fab <environment> export"


@dataclass(frozen=True)
class Marker:
    """What the first member says.

    `seal` is the SHA-256 of release.json, `signature` the one of release.json.sig, None where there is none;
    so is `statement`. `without` is the release whose objects the archive does not carry.
    `versions_file` is the name under which the project reads its resource versions, or None if nobody knows.
    """

    app: str
    environment: str
    release: str
    seal: str
    without: str | None = None
    versions_file: str | None = None
    signature: str | None = None
    statement: str | None = None

    def text(self) -> bytes:
        """Return the bytes of the member, always the same for the same marker."""
        return _text({"format": FORMAT, **asdict(self)})


def _text(data: Mapping[str, object]) -> bytes:
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode("ascii")


def read_marker(data: bytes, where: str) -> Marker:
    """Return what the first member says.

    Raises:
        InventoryError: it is not as we write it, or of another format.
    """
    try:
        found = json.loads(data)
        form = found.pop("format")
        if isinstance(form, int) and form > FORMAT:
            raise InventoryError(
                f"the archive has format {form}, and this fab_static knows {FORMAT}",
                where=where,
                mend="use the version of fab_static that wrote it: pip install --upgrade fab-static",
            )
        marker = Marker(**found)
        # an earlier version did not write every key
        is_sound = form == FORMAT and _text({"format": form, **found}) == data and _is_sound(marker)
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise damaged("its first member is not as we write it", where) from error
    if not is_sound:
        raise damaged("its first member is not as we write it", where)
    return marker


def _is_sound(marker: Marker) -> bool:
    return (
        isinstance(marker.app, str)
        and isinstance(marker.environment, str)
        and is_id(marker.release)
        and _is_object(marker.seal)
        and (marker.without is None or is_id(marker.without))
        and all(getattr(marker, key) is None or _is_object(getattr(marker, key)) for key in BESIDE)
        and marker.versions_file in (None, *VERSIONS_FILES)
    )


def damaged(what: str, where: str) -> InventoryError:
    """Return the error of an archive that is not as it was written."""
    return InventoryError(f"the archive is damaged: {what}", where=where, mend=DAMAGED)


# ---- members


def header(name: str, size: int) -> bytes:
    """Return what stands before a member: of every writer, on every day, the same."""
    member = TarInfo(name)
    member.size = size
    return member.tobuf(USTAR_FORMAT, "ascii", "strict")


def size_in(block: bytes) -> int | None:
    """Return the size that a header tells, or None if it tells none."""
    found = re.fullmatch(rb"([0-7]{11})\0", block[124:136])  # POSIX ustar: where the size stands
    return int(found[1], 8) if found else None


def padding(size: int) -> bytes:
    """Return what stands after a member, up to the next block."""
    return bytes(-size % BLOCKSIZE)


def object_name(sha256: str) -> str:
    """Return the name of the member that holds an object."""
    return f"objects/{sha256[:2]}/{sha256}"


def contents(release: Release, base: Release | None = None) -> dict[str, int]:
    """Return the objects of an archive, SHA-256 -> size, in their order: what pages need comes first.

    Args:
        release: what is archived.
        base: a release whose objects are left out.
    """
    manifests: list[File] = list(release.manifests.values())
    for path in (release.offline_manifest, release.staticfiles_manifest):
        if path:
            manifests.append(release.manifest(path))
    versions = {release.versions_sha256: release.versions_size} if release.versions_sha256 else {}
    groups = (
        _sizes(manifests),
        versions,
        _sizes(release.files.values()),
        release.objects(("static", "web", "build")),  # and their copies in other encodings
    )
    held = base.objects(("static", "web", "build")) if base else {}
    found: dict[str, int] = {}
    for group in groups:
        for sha256, size in sorted(group.items()):
            if sha256 not in held:
                found.setdefault(sha256, size)
    return found


def _sizes(files: Iterable[File]) -> dict[str, int]:
    return {file.sha256: file.size for file in files}


# ---- a seal from outside


def refuse_strange(release: Release, marker: Marker, where: str) -> None:
    """Refuse a seal that no build of ours has left: it comes from a file that anybody may have written.

    Raises:
        InventoryError: what is strange about it.
    """
    if (release.app, release.environment) != (marker.app, marker.environment):
        raise damaged("its seal is of another app or environment than its first member says", where)
    if bad := unusable([*release.files, *release.manifests]):
        path, why = next(iter(bad.items()))
        raise damaged(f"the name {path!a} {why}", where)
    for path, file in (*release.files.items(), *release.manifests.items()):
        if not (_is_file(file) and _VERSION.fullmatch(file.version)):
            raise damaged(f"its seal does not say what {path!a} holds", where)
    if release.versions_sha256 is not None and not (
        _is_object(release.versions_sha256) and _is_size(release.versions_size)
    ):
        raise damaged("its seal does not say what resource_versions.yml holds", where)
    sizes: dict[str, int] = {}
    for sha256, size in _all_sizes(release):
        if sizes.setdefault(sha256, size) != size:
            raise damaged(f"its seal gives object {sha256} two sizes", where)


def _is_file(file: object) -> bool:
    return (
        isinstance(file, File)
        and isinstance(file.version, str)
        and all(_is_object(sha256) and _is_size(size) for sha256, size in _sizes_of(file))
    )


def _sizes_of(file: File) -> Iterable[tuple[str, int]]:
    yield file.sha256, file.size
    for one in file.encodings.values():
        yield one.sha256, one.size


def _all_sizes(release: Release) -> Iterable[tuple[str, int]]:
    for file in (*release.files.values(), *release.manifests.values()):
        yield from _sizes_of(file)
    if release.versions_sha256:
        yield release.versions_sha256, release.versions_size


def _is_object(sha256: object) -> bool:
    return isinstance(sha256, str) and _OBJECT.fullmatch(sha256) is not None


def _is_size(size: object) -> bool:
    return type(size) is int and 0 <= size < 8**11  # what a ustar header can say
