"""What the Django project on a host can be asked: of each question its name, its request, and its answer.

`ProjectOnHost.ask` takes a question and its request, and returns its answer: the type checker knows both. The
modules of host/project/ answer; probe.py says which. Over 400 lines because it is a list: of each question, all types.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, NotRequired, TypedDict, TypeVar

R = TypeVar("R", bound=Mapping[str, object])
A = TypeVar("A")


@dataclass(frozen=True)
class Question(Generic[R, A]):
    """One thing that the project on a host can be asked."""

    name: str
    request: type[R]
    answer: type[A]
    # the last answer is used while nothing that was read for it has changed
    is_remembered: bool = False

    def asked(self, request: R | None) -> str:
        """Return it as the probe takes it, JSON."""
        return json.dumps({"ask": self.name, **(request or {})}, sort_keys=True)

    def record_of(self, request: R | None) -> str:
        """Return the name by which the last answer to it is known."""
        return f"{self.name}-{hashlib.sha256(self.asked(request).encode()).hexdigest()[:16]}"


# ---- requests


class Nothing(TypedDict):
    """The question says it all."""


class OfCollectstatic(TypedDict):
    """The words of the command that collects; null stands for a shell line."""

    words: list[str] | None


class Placed(OfCollectstatic):
    """Whether each file's real path is told too."""

    places: bool


class Name(TypedDict):
    """A path below the static root."""

    name: str


class OfEntries(TypedDict):
    """Manifests of bundlers that a release lacks, by their paths: is a file there anyway?"""

    lacking: list[str]


class OfManifest(TypedDict):
    """The offline manifest to look blocks up in; "": there is none; null: the one that the project's pages read."""

    manifest: str | None
    redirect: dict[str, str]  # file -> the one that the project is shown in its place
    texts: NotRequired[bool]
    places: NotRequired[bool]
    made: NotRequired[bool]
    # a prefix: says which blocks and files would not serve behind it
    other_cdn: NotRequired[str | None]


# ---- answers: settings


class Compress(TypedDict):
    """django-compressor's settings, its defaults applied."""

    root: str | None
    output_dir: str
    manifest_name: str
    url: str
    enabled: bool
    offline: bool
    css_hashing_method: str | None


# `class` is not a name in Python
Storage = TypedDict("Storage", {"class": str | None, "folder": str | None, "error": str | None})


class VersionsFile(TypedDict):
    """The file of resource versions; where none is known yet, it will be one of `versions_files`."""

    resource_versions: str
    is_versions_file_known: bool
    versions_files: list[str]


class Sources(TypedDict):
    """The folders that finders read, path -> whose it is; and why these are not all."""

    sources: dict[str, str]
    sources_unknown: str | None


class BundlerFile(TypedDict):
    """A bundler's manifest that an app of the project reads; `below`: the folder that its names are relative to."""

    path: str
    below: str
    reader: str


class Settings(VersionsFile, Sources):
    """What a deploy needs of the settings. A path is absolute."""

    django: str
    python: str
    compressor: str | None
    static_root: str | None
    static_url: str | None
    cdn_independent: bool
    static_cdn: str
    folder: str
    base_dir: str | None
    installed_apps: list[str]
    commands: dict[str, str]
    compress: Compress | None
    baked_in: dict[str, str | bool | None]
    offline_manifest: str | None
    staticfiles_manifest: str | None
    bundler_manifests: list[BundlerFile]
    prints_hashed_names: str | None
    storage: Storage
    ignored_storage: str | None
    finders: list[str]
    real_sources: list[str]
    catalogues_are_sources: bool
    held: dict[str, str]
    catalogues: str | None
    libraries: dict[str, str]


# ---- answers: files


class Collectable(TypedDict):
    """SHA-256 and size of what collectstatic would collect now."""

    files: dict[str, tuple[str, int]]


class CollectableWithPlaces(TypedDict):
    """SHA-256, size and real path of what collectstatic would collect now."""

    files: dict[str, tuple[str, int, str]]
    below: str  # where in the static root the files are kept: "", or a path that ends with a slash
    unjudged: str | None  # why collectstatic may leave some out, or may make others of them


class Shadowed(TypedDict):
    """Name -> the file that is collected, and those of other bytes that are not."""

    shadowed: dict[str, list[str]]


class Found(TypedDict):
    """The source files of a name."""

    found: list[str]


class Unlisted(TypedDict):
    """Which files in the static root git tracks, and which neither finders list nor libraries write."""

    tracked: list[str]
    unlisted: list[str]


class Collected(TypedDict):
    """How what collectstatic left compares with what the finders list."""

    listed: int
    missing: list[str]
    count: int
    promised: list[str]
    unjudged: str | None
    is_empty: bool
    pointers: list[str]


class Fault(TypedDict):
    """A source that collectstatic fails on."""

    what: str
    names: list[str]
    paths: list[str]
    is_listed: bool


class Faults(TypedDict):
    """What is wrong with the sources."""

    faults: list[Fault]


# ---- answers: compress blocks


# `in` is not a name in Python
InTemplate = TypedDict(
    "InTemplate", {"engine": str, "template": str, "in": str, "line": int | None}
)
# where a block stands in templates, and what it renders in each page: key -> the first template
BlockPlace = TypedDict(
    "BlockPlace",
    {"in": str, "line": int | None, "block": int, "context": int | None, "keys": dict[str, str]},
)


class Place(InTemplate):
    """A block: its number in the page, and the number of the offline context that it was rendered in."""

    block: int
    context: int


class Rendered(Place):
    """A block, and its key."""

    key: str


class Gap(Rendered):
    """A block whose key is not in the manifest, and its text."""

    text: str


class Untranslated(Gap):
    """A block that has another text in another language."""

    language: str


class Failed(Place):
    """A block that fails while it is rendered."""

    error: str


class WithText(Place):
    """A block, and its text."""

    text: str


class Surrounded(WithText):
    """A block that is another text within a tag around it."""

    tag: str


class Unfilled(Place):
    """A block that uses what no offline context gives; `set_by`: the tags that set it."""

    variables: list[str]
    set_by: dict[str, str]


class Varying(Place):
    """A block that asks for the time, or for a random value."""

    asks: list[str]


class Made(Rendered):
    """What is wrong with a file that compress made; see host/project/coverage/made.py."""

    file: str | None
    what: str
    name: str


class Formed(Place):
    """A block, and the output that it asks for."""

    form: str


class Ambiguous(TypedDict):
    """Blocks of one text, and so one key, for different output."""

    key: str
    blocks: list[Formed]


class Broken(TypedDict):
    """A template that does not parse."""

    engine: str
    template: str
    error: str
    has_compress: bool


class PassedOver(InTemplate):
    """A block that compress does not find: with the text that pages render, or with their error."""

    tag: str
    context: int
    key: NotRequired[str]
    text: NotRequired[str]
    error: NotRequired[str]


class HandedOver(InTemplate):
    """A tag that gives compressor the text of many templates."""

    tag: str


class Walked(TypedDict):
    """What is told of every walk through the templates; see host/project/coverage/question.py."""

    templates: int
    blocks: int
    keys: int
    missing: list[Gap]
    failed: list[Failed]
    broken: list[Broken]
    untranslated: list[Untranslated]
    unfilled: list[Unfilled]
    surrounded: list[Surrounded]
    varying: list[Varying]
    ambiguous: list[Ambiguous]


class Besides(TypedDict):
    """What is told where the request asks for it; else empty."""

    rendered: list[Rendered]
    texts: dict[str, str]
    places: list[BlockPlace]
    made: list[Made]
    folders: list[str]
    with_cdn: list[WithText]
    files_with_cdn: list[str]
    relative_inline: list[str]


class Coverage(Walked, Besides):
    """Whether pages find every compress block."""

    passed_over: list[PassedOver]
    handed_over: list[HandedOver]
    compress: Compress | None
    libraries: dict[str, str]


# ---- answers: what templates spend on requests


class Requests(TypedDict):
    """How many static files a page asks for."""

    scripts: int
    stylesheets: int
    images: int
    other: int
    total: int


class Tag(TypedDict):
    """A script or stylesheet tag that a compress block could take in."""

    line: int
    kind: str
    url: str


# `in` is the stylesheet that names the URL, where that is not the template
Reference = TypedDict("Reference", {"line": int, "url": str, "in": NotRequired[str]})


class Linted(TypedDict):
    """A template; `page` tells whether it is rendered as a whole."""

    template: str
    page: bool
    requests: Requests | None
    outside: list[Tag]
    hard_coded: list[Reference]
    unversioned: list[Reference]
    unchecked: NotRequired[list[Reference]]


class Lint(TypedDict):
    """The project's own templates, and those whose `static` tag prints no version."""

    templates: list[Linted]
    unversioned_tag: list[str]


# ---- answers: entries of bundlers' manifests


class Asking(TypedDict):
    """What a tag asks a manifest for; see host/project/entries/tags.py.

    `lookup` says what the name must be there; "something": the page alone knows it. `manifest` is the path of the file; None: the inventory names it.
    """

    name: str
    reader: str
    lookup: str
    manifest: str | None
    config: str


class EntryUse(Asking):
    """A tag that asks for an entry, and where it stands; `is_own`: in a template of the project, not of a library."""

    template: str
    is_own: bool
    line: int
    tag: str


class Entries(TypedDict):
    """Every tag that asks a manifest; and of the manifests that a release lacks, those that are files there.

    `there` maps such a path to where it leads as a link; "" where it is a file.
    """

    uses: list[EntryUse]
    there: dict[str, str]


# ---- answers: what templates promise of static files


class Written(TypedDict):
    """An integrity attribute whose hash is written out, and the static file that it is about.

    `is_url`: the file's URL is written out too, so that no storage puts a hash into the name.
    """

    line: int
    name: str
    is_url: bool
    integrity: str


class WrittenIn(Written):
    """The same, with its template; `is_own`: the project's, not a library's."""

    template: str
    is_own: bool


class Integrity(TypedDict):
    """Promises in templates, and what their tags will ask for when pages are rendered.

    `names` are those given to `static_integrity`. `computed`: there are names that only a page knows.
    `preloads`: there are preloads, so that the fonts of stylesheets must be known.
    """

    written: list[WrittenIn]
    names: list[str]
    computed: bool
    preloads: bool
    algorithm: str


SETTINGS = Question("settings", Nothing, Settings, is_remembered=True)
SOURCES = Question("sources", OfCollectstatic, Collectable)
SOURCES_WITH_PLACES = Question("sources", Placed, CollectableWithPlaces)
SHADOWED = Question("shadowed", OfCollectstatic, Shadowed, is_remembered=True)
FIND = Question("find", Name, Found)
UNLISTED = Question("unlisted", Nothing, Unlisted)
COLLECTED = Question("collected", OfCollectstatic, Collected, is_remembered=True)
FAULTS = Question("faults", OfCollectstatic, Faults)
COVERAGE = Question("coverage", OfManifest, Coverage, is_remembered=True)
LINT = Question("lint", Nothing, Lint)
ENTRIES = Question("entries", OfEntries, Entries, is_remembered=True)
INTEGRITY = Question("integrity", Nothing, Integrity, is_remembered=True)
