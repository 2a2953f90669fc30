"""A release as a value: its files, versions and manifests, and the digest of all that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Never, NotRequired, TypedDict

from fab_static.errors import ReleaseError
from fab_static.plan.baked import Baked

FORMAT = 1
AT_ONCE = 1000  # files whose text is made at once
# one for all: a release has tens of thousands of files
_NONE: Mapping[str, Never] = MappingProxyType({})


class Took(TypedDict):
    """How long a phase took."""

    name: str
    seconds: float


class EncodedData(TypedDict):
    """What release.json says of a precompressed copy."""

    sha256: str
    size: int


class FileData(TypedDict):
    """What release.json says of a file: `encodings` and `deltas` as a File has them."""

    sha256: str
    size: int
    version: str
    encodings: NotRequired[dict[str, EncodedData]]
    deltas: NotRequired[dict[str, EncodedData]]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file's bytes in another encoding: SHA-256 of the encoded bytes, and their number."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class File:
    """One file of a release: SHA-256 of its bytes, their number, and the version that pages print.

    `encodings` are its precompressed copies, ending -> Encoded: {"gz": …, "br": …}. They are not files of
    the release: which zlib made them is nothing that visitors see.

    `deltas` are differences to other bytes: SHA-256 of the bytes that a browser holds -> Encoded. A browser
    that holds those downloads the delta (dcz, RFC 9842) in place of the file. They are not content either.
    """

    sha256: str
    size: int
    version: str
    encodings: Mapping[str, Encoded] = field(default_factory=lambda: _NONE)
    deltas: Mapping[str, Encoded] = field(default_factory=lambda: _NONE)

    def to_data(self) -> FileData:
        """Return what release.json says of it; nothing of encodings and deltas where there are none."""
        data: FileData = {"sha256": self.sha256, "size": self.size, "version": self.version}
        if self.encodings:
            data["encodings"] = _to_data(self.encodings)
        if self.deltas:
            data["deltas"] = _to_data(self.deltas)
        return data

    @classmethod
    def from_data(cls, data: FileData) -> File:
        """Return the file that release.json describes."""
        encodings, deltas = map(_from_data, (data.get("encodings"), data.get("deltas")))
        return cls(data["sha256"], data["size"], data["version"], encodings, deltas)


def _from_data(found: dict[str, EncodedData] | None) -> Mapping[str, Encoded]:
    """Return the encodings or deltas that release.json describes."""
    if not found:
        return _NONE
    return {key: Encoded(one["sha256"], one["size"]) for key, one in found.items()}


def _to_data(found: Mapping[str, Encoded]) -> dict[str, EncodedData]:
    """Return what release.json says of encodings or deltas, in the order of their keys."""
    return {key: {"sha256": one.sha256, "size": one.size} for key, one in sorted(found.items())}


@dataclass(frozen=True)
class Release:
    """What release.json holds: one sealed static root with its manifests; never changes again.

    `files` maps a path below the static root (posix, no leading slash) to its File. `versioned` names
    those that resource_versions.yml lists, `named` the content-named ones.
    `settings` are the project's settings that are baked into the files. `offline_manifest` is a path in
    `files`, or None if nothing was compressed. `versions_sha256` belongs to resource_versions.yml. `bundles`
    maps the path of each bundle to its names, by which plan/bundles.py finds it in another release.
    `staticfiles_manifest` is a path in `files` too: Django's staticfiles.json, where names hold hashes.
    Where the project keeps one of the two outside the static root, its name is one in `manifests`, which maps
    "../manifests/staticfiles/staticfiles.json" to its File: no visitor is served that.
    `copies` are the files that the project compressed itself, each beside the file it was made of: they are
    served, and are not content. Two builds of one source may differ in them, for gzip notes the time.
    """

    id: str
    app: str
    environment: str
    revision: str | None
    created_at: str
    created_by: str
    settings: Baked
    phases: tuple[Took, ...]
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
        if holds_files(roles):
            for file in self.files.values():
                held[file.sha256] = file.size
                made = (*file.encodings.values(), *file.deltas.values())
                held.update((one.sha256, one.size) for one in made)
        else:
            for path in filter(None, (self.offline_manifest, self.staticfiles_manifest)):
                held[self.manifest(path).sha256] = self.manifest(path).size
        return held

    def objects_of_each(
        self, kinds: Collection[tuple[str, ...]]
    ) -> dict[tuple[str, ...], dict[str, int]]:
        """Return the same for hosts of several kinds, by their roles; those that hold all files share one dict."""
        found: dict[bool, dict[str, int]] = {}
        for roles in kinds:
            found[holds_files(roles)] = found.get(holds_files(roles)) or self.objects(roles)
        return {roles: found[holds_files(roles)] for roles in kinds}

    def to_send(self, lacking: dict[str, int], roles: Iterable[str]) -> dict[str, int]:
        """Return what a host with these roles must be sent of the objects that it lacks, SHA-256 -> size.

        A host that gets a file's gzip copy, or has it, makes the file of it: gzip gives back the same bytes
        everywhere. What is compressed makes other bytes with another zlib, so copies are sent.
        """
        if not lacking or not holds_files(roles):  # a web host holds no copies
            return lacking
        made = {file.sha256 for file in self.files.values() if "gz" in file.encodings}
        return {sha256: size for sha256, size in lacking.items() if sha256 not in made}

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


def holds_files(roles: Iterable[str]) -> bool:
    """Tell whether a host with these roles holds all files of a release, and not just its manifests."""
    return bool({*roles} & {"static", "build"})


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
    settings: Baked,
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


def is_inside(path: object) -> bool:
    """Tell whether this is a plain relative path, which stays inside its folder."""
    if not isinstance(path, str) or "\0" in path:
        return False
    return not ({"", ".", ".."} & {*path.split("/")})
