"""Release ids, the seal, and the Layout of paths on a host; to_prune() and previous()."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, TypeGuard

from fab_static.errors import ReleaseError

FORMAT = 1
STAGED_KEPT = 5  # at least, of releases that are not live yet
AT_ONCE = 1000  # files whose text is made at once
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_FILE = {"sha256", "size", "version"}
_NONE: Mapping[str, Any] = MappingProxyType(
    {}
)  # one for all: a release has tens of thousands of files


# A manifest that stands outside the static root is named as a path from there; none of the files can be.
OUTSIDE = "../manifests/"


def in_folder(path: str) -> str:
    """Return where a file or manifest stands in the folder of its release."""
    return path.removeprefix("../") if path.startswith(OUTSIDE) else f"static/{path}"


@dataclass(frozen=True)
class Layout:
    """The paths below `deploy_to`, the same on every host."""

    deploy_to: PurePosixPath

    @property
    def current(self) -> PurePosixPath:
        """The link to what is live."""
        return self.deploy_to / "current"

    @property
    def versions(self) -> PurePosixPath:
        """The live resource versions, through `current`: what the project's own file links to."""
        return self.current / "resource_versions.yml"

    def release(self, release: str) -> PurePosixPath:
        """The folder of one release."""
        return self.deploy_to / "releases" / release

    def object(self, sha256: str) -> PurePosixPath:
        """The object with these bytes."""
        return self.deploy_to / "objects" / sha256[:2] / sha256

    def live_file(self, path: str) -> PurePosixPath:
        """A file or manifest of the live release, through `current`."""
        return self.current / in_folder(path)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file's bytes in another encoding: SHA-256 of the encoded bytes, and their number."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class File:
    """One file of a release: SHA-256 of its bytes, their number, and the version that pages print.

    `encodings` are its precompressed copies, ending -> Encoded: {"gz": …, "br": …}. They are no files of
    the release: which zlib made them is nothing that visitors see.
    """

    sha256: str
    size: int
    version: str
    encodings: Mapping[str, Encoded] = field(default_factory=lambda: _NONE)

    def to_data(self) -> dict[str, Any]:
        """Return what release.json says of it; nothing of encodings where there are none."""
        data: dict[str, Any] = {"sha256": self.sha256, "size": self.size, "version": self.version}
        if self.encodings:
            data["encodings"] = {
                ending: {"sha256": one.sha256, "size": one.size}
                for ending, one in sorted(self.encodings.items())
            }
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> File:
        """Return the file that release.json describes."""
        encodings = {
            ending: Encoded(one["sha256"], one["size"])
            for ending, one in data.get("encodings", _NONE).items()
        }
        return cls(data["sha256"], data["size"], data["version"], encodings or _NONE)


@dataclass(frozen=True)
class Release:
    """What release.json holds: one sealed static root with its manifests; never changes again.

    `files` maps a path below the static root (posix, no leading slash) to its File. `versioned` names
    those that resource_versions.yml lists, `named` the content-named ones (what compress wrote).
    `settings` are the project's settings that are baked into the files. `offline_manifest` is a path in
    `files`; None where nothing was compressed. `versions_sha256` is that of resource_versions.yml. `bundles`
    maps the path of each bundle to its names, by which plan/bundles.py finds it in another release.
    `staticfiles_manifest` is a path in `files` too: Django's staticfiles.json, where names hold hashes.
    Where the project keeps one of the two outside the static root, its name is one in `manifests`, which maps
    "../manifests/staticfiles/staticfiles.json" to its File: no visitor is served that.
    `copies` are the files that the project compressed itself, each beside the file it was made of: they are
    served, and are no content. Two builds of one source may differ in them, for gzip notes the time.
    """

    id: str
    app: str
    environment: str
    revision: str | None
    created_at: str
    created_by: str
    settings: Mapping[str, Any]
    phases: tuple[Mapping[str, Any], ...]
    files: Mapping[str, File]
    versions: Mapping[str, str]
    named: tuple[str, ...]
    offline_manifest: str | None
    versions_sha256: str | None
    versions_size: int = 0
    bundles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    staticfiles_manifest: str | None = None
    manifests: Mapping[str, File] = field(default_factory=dict)
    copies: frozenset[str] = frozenset()

    @cached_property
    def content(self) -> Mapping[str, File]:
        """The files without the project's own compressed copies."""
        if not self.copies:
            return self.files
        return {path: file for path, file in self.files.items() if path not in self.copies}

    def __post_init__(self) -> None:
        """Refuse names that lead outside: a build host lists the files, and every other would write them.

        Raises:
            ReleaseError: naming one.
        """
        for path in self.files:
            if not is_inside(path):
                raise ReleaseError(
                    f"{path!r} is not a path inside the static root",
                    where=f"the files of release {self.id}",
                    mend="find out what lists it on the build host; no host writes it",
                )

    @property
    def offline_manifest_sha256(self) -> str | None:
        """SHA-256 of the offline manifest's bytes."""
        return self.manifest(self.offline_manifest).sha256 if self.offline_manifest else None

    def manifest(self, path: str) -> File:
        """Return a manifest that web processes read, inside or outside the static root."""
        return self.manifests[path] if path in self.manifests else self.files[path]

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(file.size for file in self.files.values())

    @property
    def endings(self) -> frozenset[str]:
        """The endings of the precompressed copies that any file has: "gz", "br"."""
        return frozenset(ending for file in self.files.values() for ending in file.encodings)

    def objects(self, roles: Iterable[str]) -> dict[str, int]:
        """Return the objects, SHA-256 -> size, that a host with these roles must hold."""
        held = {one.sha256: one.size for one in self.manifests.values()}
        if self.versions_sha256:
            held[self.versions_sha256] = self.versions_size
        if set(roles) & {"static", "build"}:
            for file in self.files.values():
                held[file.sha256] = file.size
                held.update((one.sha256, one.size) for one in file.encodings.values())
        else:
            for path in filter(None, (self.offline_manifest, self.staticfiles_manifest)):
                held[self.manifest(path).sha256] = self.manifest(path).size
        return held

    @cached_property
    def digest(self) -> str:
        """SHA-256 over what visitors and web processes get: files, manifests, settings; not when or who."""
        return digest(self.content, self.versions_sha256, self.settings, self.manifests)

    def to_json(self) -> str:
        """Return release.json's text, always the same for the same release."""
        return json.dumps(
            {
                "format": FORMAT,
                "id": self.id,
                "app": self.app,
                "environment": self.environment,
                "revision": self.revision,
                "created_at": self.created_at,
                "created_by": self.created_by,
                "digest": self.digest,
                "settings": dict(self.settings),
                "phases": [dict(phase) for phase in self.phases],
                "offline_manifest": self.offline_manifest
                and {"path": self.offline_manifest, "sha256": self.offline_manifest_sha256},
                "staticfiles_manifest": self.staticfiles_manifest
                and {
                    "path": self.staticfiles_manifest,
                    "sha256": self.manifest(self.staticfiles_manifest).sha256,
                },
                # a seal of a release that has none stays as earlier versions wrote it
                **({"manifests": dict(sorted(self.manifests.items()))} if self.manifests else {}),
                "versions": self.versions_sha256
                and {
                    "path": "resource_versions.yml",
                    "sha256": self.versions_sha256,
                    "size": self.versions_size,
                },
                "named": sorted(self.named),
                "copies": sorted(self.copies),
                "versioned": dict(sorted(self.versions.items())),
                "bundles": {path: list(names) for path, names in sorted(self.bundles.items())},
                "files": dict(sorted(self.files.items())),
            },
            default=File.to_data,  # one after the other: all at once are many times the text
            separators=(",", ":"),
        )


def without_files(release: Release) -> Release:
    """Return what is live before the first release: nothing, with the same settings."""
    return replace(
        release,
        files={},
        versions={},
        named=(),
        bundles={},
        offline_manifest=None,
        staticfiles_manifest=None,
        manifests={},
        copies=frozenset(),
    )


def digest(
    files: Mapping[str, File],
    versions_sha256: str | None,
    settings: Mapping[str, Any],
    manifests: Mapping[str, File] = _NONE,
) -> str:
    """Return the digest of a release's content; two builds of one revision have the same.

    `files` are without the project's own compressed copies: see Release.content.
    """
    content = [FORMAT, [], versions_sha256, dict(settings)]
    if manifests:
        content.append({path: file.sha256 for path, file in manifests.items()})
    before, _, behind = json.dumps(content, sort_keys=True).partition("[]")
    found = hashlib.sha256(f"{before}[".encode())
    paths = sorted(files)
    for at in range(0, len(paths), AT_ONCE):  # the text as a whole is as large as the seal
        some = json.dumps([(path, files[path].sha256) for path in paths[at : at + AT_ONCE]])[1:-1]
        found.update(f"{', ' if at else ''}{some}".encode())
    found.update(f"]{behind}".encode())
    return found.hexdigest()


def new_id(at: datetime, content_digest: str) -> str:
    """Return the id of a release sealed at this time (UTC), as 20261122T170102Z-3f9c1a7b."""
    return f"{at:%Y%m%dT%H%M%SZ}-{content_digest[:8]}"


def is_inside(path: object) -> bool:
    """Tell whether this is a plain relative path, which stays inside its folder."""
    if not isinstance(path, str) or "\0" in path:
        return False
    return not ({"", ".", ".."} & {*path.split("/")})


def is_id(text: object) -> TypeGuard[str]:
    """Tell whether this is a release's id; only such names ever become paths."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def _read(data: dict[str, Any]) -> Any:
    """Return what an object of release.json stands for, as soon as it is read: a file's, or itself."""
    return File.from_data(data) if data.keys() >= _FILE else data


def from_json(text: str | bytes, *, where: str, name: str | None = None) -> Release:
    """Return the release that a release.json describes.

    Args:
        text: its content.
        where: it stands, for errors.
        name: the id that it must have; then its digest must fit that, too. Whoever alters a file on a host
            can write any digest beside it, but none into the name by which the others know the release.

    Raises:
        ReleaseError: it is no seal, one of a format that this version does not know, or not that release's.
    """
    try:
        data = json.loads(text, object_hook=_read)
        if data["format"] != FORMAT:
            raise ReleaseError(
                f"release.json has format {data['format']}, and this fab_static knows {FORMAT}",
                where=where,
                mend="use the version of fab_static that sealed it, or deploy anew",
            )
        versions = data["versions"] or {}
        manifest = data["offline_manifest"] or {}
        hashed_names = data.get("staticfiles_manifest") or {}  # seals of earlier versions have none
        release = Release(
            id=data["id"],
            app=data["app"],
            environment=data["environment"],
            revision=data["revision"],
            created_at=data["created_at"],
            created_by=data["created_by"],
            settings=data["settings"],
            phases=tuple(data["phases"]),
            files=data["files"],
            versions=data["versioned"],
            named=tuple(data["named"]),
            offline_manifest=manifest.get("path"),
            versions_sha256=versions.get("sha256"),
            versions_size=versions.get("size", 0),
            bundles={
                path: tuple(names)
                for path, names in data.get("bundles", {}).items()  # older seals have none
                if path in data["files"]
            },
            staticfiles_manifest=hashed_names.get("path"),
            manifests=dict(data.get("manifests", {})),
            copies=frozenset(data.get("copies", ())),
        )
        is_whole = is_id(release.id) and release.digest == data.get("digest")
        is_whole = is_whole and all(map(_is_outside, release.manifests))
        if name is not None:
            is_named = release.id == name and name.endswith("-" + release.digest[:8])
            is_whole = is_whole and is_named
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ReleaseError(
            f"release.json cannot be read: {type(error).__name__}: {error}",
            where=where,
            mend="deploy anew; the damaged release is never made live",
        ) from error
    if not is_whole:
        raise ReleaseError(
            "release.json is not what was sealed: its digest does not fit its content",
            where=where,
            mend="deploy anew; the damaged release is never made live",
        )
    return release


def _is_outside(path: str) -> bool:
    return path.startswith(OUTSIDE) and not {"", ".", ".."} & set(path[len(OUTSIDE) :].split("/"))


@dataclass(frozen=True)
class Activation:
    """One line of the record: which release went live, when (seconds since 1970), and what for."""

    release: str
    at: float
    rolled_back: str | None = None  # the release that this activation put out of service


def previous(record: Sequence[Activation], live: str, sealed: Iterable[str]) -> str | None:
    """Return the release that a rollback from `live` goes to, by record; None where there is none.

    Deploys lay releases on a stack, a rollback takes those off that it went back over; so a second
    rollback goes further back, and never to what the first one left. `sealed` are those that still
    exist.
    """
    there = set(sealed) - bad(record) - {live}
    below = _below(record, live)
    return next((release for release in reversed(below) if release in there), None)


def goes_back(record: Sequence[Activation], live: str, to: str) -> bool:
    """Tell whether going from `live` to another release is going back, which puts `live` out of service.

    The record says so, not the ids: a promoted release may be older than the one it replaced. Only of
    one that was never live nothing but its id is known.
    """
    if live == to:
        return False
    if any(activation.release == to for activation in record):
        return to in _below(record, live)
    return live > to


def _below(record: Sequence[Activation], live: str) -> list[str]:
    """Return what lies below `live` on the stack of deploys, the bottom first."""
    stack: list[str] = []
    for activation in record:
        if activation.rolled_back and activation.release in stack:
            while stack[-1] != activation.release:
                stack.pop()
        elif stack[-1:] != [activation.release]:
            stack.append(activation.release)
    if live not in stack:
        return []
    return stack[: len(stack) - 1 - stack[::-1].index(live)]


def bad(record: Sequence[Activation]) -> set[str]:
    """Return the releases that a rollback took out of service and nobody made live again."""
    marked: set[str] = set()
    for activation in record:
        if activation.rolled_back:
            marked.add(activation.rolled_back)
        marked.discard(activation.release)
    return marked


def to_prune(
    releases: Iterable[str],
    record: Sequence[Activation],
    *,
    live: str | None,
    keep: int,
    keep_for_seconds: float,
    now: float,
) -> list[str]:
    """Return the releases that may go, oldest first.

    Never the live one nor the one before it, nor those among the last `keep` that were once live, nor
    what was live within `keep_for_seconds`: pages that print its URLs may still be open; nor the last `keep`
    bad ones, which somebody may want to look at. Releases that were never live go when something newer is
    live, or as many newer ones are sealed.
    """
    last_live: dict[str, float] = {}
    ended: dict[str, float] = {}
    for activation, following in zip(record, [*record, None][1:], strict=True):
        last_live[activation.release] = activation.at
        ended[activation.release] = following.at if following else now
    there = sorted(releases)
    once_live = sorted(set(there) & set(last_live), key=lambda name: last_live[name])
    marked = bad(record)
    staged = [name for name in there if name not in last_live and (live is None or name > live)]
    kept = {live, previous(record, live, there) if live else None}
    kept |= {name for name, end in ended.items() if now - end < keep_for_seconds}
    wrong = [name for name in once_live if name in marked]
    for some, count in ((once_live, keep), (wrong, keep), (staged, max(keep, STAGED_KEPT))):
        kept.update(some[max(0, len(some) - count) :])
    return [name for name in there if name not in kept]
