"""What a build leaves for other machines, as one object of a bucket: what phases read, and what they left.

It comes from outside. Nothing in it is believed before its shape is checked, and no name in it leads outside. Paths
begin with names of places, as {project}, which are elsewhere on each machine.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import NamedTuple, NotRequired, TypedDict, TypeVar, cast

from fab_static.plan.build_order import OwnPhase
from fab_static.plan.encodings import ENDINGS
from fab_static.plan.publication import Item
from fab_static.plan.wire.kept import Kept, Left
from fab_static.plan.wire.shapes import misshapen

FORMAT = 3
NEWEST = 8  # builds that are looked at: those of the last branches
MOST_BYTES = 256 << 20  # of a record, inflated
PACK_BYTES = 8 << 20  # of a pack: it is closed when it has them
SMALL = 1 << 20  # objects up to here go in packs
HEADERS = {"Content-Type": "application/octet-stream"}
LATEST = 10**11  # seconds since 1970; names count down from it, so that the newest is listed first
# what a build on this very machine is given of its variables; whoever needs others names them in the inventory
PASSED_ON = frozenset(
    [
        "HOME",
        "PATH",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "XDG_RUNTIME_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
    ]
)

NONE: Mapping[str, Kept] = MappingProxyType({})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLACE = re.compile(r"\{(\w+)\}(?=/|\Z)")


class Listing(TypedDict):
    """What a phase left, as its host has it; `folders` where a phase of the project's own made some."""

    files: dict[str, Kept]
    extra: dict[str, Kept | None]


class Placed(NamedTuple):
    """A listing with the places of one machine: as its host keeps it, and under which name."""

    listing: Listing
    text: bytes
    name: str


class Record(TypedDict):
    """What a phase read; the host that takes it judges the rest (host/project/reads/portable)."""

    token: str
    inputs: list[list[str]]  # aspect, path, state
    answer: NotRequired[str | None]  # of a question: JSON


class Step(TypedDict):
    """A phase: what the journal keeps of what it left, and the record of what it read.

    `places` are those of its machine that what it wrote names: it is good where they are the same.
    """

    left: Left
    record: Record
    places: dict[str, str]


class Pack(TypedDict):
    """An object that holds others, small ones: one request brings them all."""

    size: int
    holds: list[str]  # their SHA-256s


class Build(TypedDict):
    """One build: its phases, the listings that they name, and the packs that hold what these name: SHA-256 -> pack.

    Two kinds of objects are in no pack: large ones, and files that a phase read. Who takes its record has those.
    """

    format: int
    given: str  # stands for the interpreter and the variables
    steps: dict[str, Step]
    listings: dict[str, Listing]
    packs: dict[str, Pack]


class Copies(TypedDict):
    """The precompressed copies of a release's files: object -> ending -> copy, size; and the packs that hold them."""

    format: int
    copies: dict[str, dict[str, tuple[str, int]]]
    packs: dict[str, Pack]


_Record = TypeVar("_Record", bound=Mapping[str, object])


@dataclass(frozen=True)
class Guard:
    """What a build of elsewhere may write here, beyond the static root."""

    extra: frozenset[str]
    own: Mapping[str, OwnPhase]


def plain(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a build on the operator's own machine may see."""
    return {
        name: value
        for name, value in variables.items()
        if name in PASSED_ON or name.startswith("LC_")
    }


def key_of(what: Mapping[str, list[str]]) -> str:
    """Return what builds have in common that may be used for each other: phases, commands, and our version.

    `what` maps each phase to what it runs; the interpreter, the first word, is judged by its bytes.
    """
    words = [[name, *each[1:]] for name, each in what.items()]
    return hashlib.sha256(json.dumps([FORMAT, words]).encode()).hexdigest()[:16]


def name_of(data: bytes, at: float) -> str:
    """Return the name of a build's record."""
    return f"{LATEST - int(at):012d}-{hashlib.sha256(data).hexdigest()[:16]}"


def object_of(sha256: str, size: int) -> Item:
    """Return an object as the bucket holds it."""
    return Item(f"objects/{sha256[:2]}/{sha256}", sha256, size, HEADERS)


def written(record: Mapping[str, object]) -> bytes:
    """Return a record as the bucket holds it."""
    return zlib.compress(json.dumps(record, sort_keys=True).encode(), 6)


def read(data: bytes) -> Build | None:
    """Return the build that an object of a bucket holds, or None if it is not ours."""
    found = read_as(data, Build)
    if found is None:
        return None
    steps = found["steps"].values()
    named = {one for step in steps for one in listings_of(step["left"])}
    return found if named <= found["listings"].keys() else None


def read_copies(data: bytes) -> Copies | None:
    """Return the copies that an object of a bucket tells of, or None if it is not ours."""
    found = read_as(data, Copies)
    if found is None:
        return None
    copies = {
        sha256: {ending: (copy, size) for ending, (copy, size) in of_one.items()}
        for sha256, of_one in found["copies"].items()
    }
    names = [*copies, *(copy for copy, _ in sizes_of(copies))]
    endings = {ending for of_one in copies.values() for ending in of_one}
    if not all(map(_SHA256.fullmatch, names)) or not endings <= {*ENDINGS.values()}:
        return None
    return {"format": FORMAT, "copies": copies, "packs": found["packs"]}


def sizes_of(copies: Mapping[str, Mapping[str, tuple[str, int]]]) -> Iterable[tuple[str, int]]:
    """Yield each copy, and its size."""
    for found in copies.values():
        yield from found.values()


def read_as(data: bytes, shape: type[_Record]) -> _Record | None:
    """Return a record of this shape that an object of a bucket holds, or None if it is not ours."""
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(data, MOST_BYTES)
        if not inflate.eof:
            return None
        found = json.loads(text)
    except (zlib.error, ValueError, RecursionError):
        return None
    if misshapen(shape, found) is not None or found["format"] != FORMAT:
        return None
    packs = found.get("packs", {})
    if not all(_SHA256.fullmatch(name) and pack["size"] >= 0 for name, pack in packs.items()):
        return None
    return cast("_Record", found)


def listings_of(left: Left) -> list[str]:
    """Return the listings that a phase worked on, left, or made in the checkout."""
    return [one for one in (left.get("base"), left.get("listing"), left.get("wrote")) if one]


def named(listing: Listing, places: Mapping[str, str]) -> Listing:
    """Return a listing with names in place of the places in it."""
    return _renamed(listing, naming(places))


def naming(places: Mapping[str, str]) -> Callable[[str], str]:
    """Return what puts names in place of the places that paths begin with."""
    by_length = sorted(places.items(), key=lambda one: -len(one[1]))

    def of(path: str) -> str:
        for name, place in by_length:
            if path == place or path.startswith(place + "/"):
                return "{" + name + "}" + path[len(place) :]
        return path

    return of


def placed(listing: Listing, places: Mapping[str, str]) -> Placed | None:
    """Return a listing with this machine's places, or None if one is not known here."""
    try:
        found = _renamed(listing, placing(places))
    except KeyError:
        return None
    text = json.dumps(found, sort_keys=True).encode()
    return Placed(found, text, hashlib.sha256(text).hexdigest())


def placing(places: Mapping[str, str]) -> Callable[[str], str]:
    """Return what puts this machine's places for their names; it raises KeyError at one that is not known here."""

    def of(path: str) -> str:
        found = _PLACE.match(path)
        return places[found[1]] + path[found.end() :] if found else path

    return of


def _renamed(listing: Listing, change: Callable[[str], str]) -> Listing:
    extra = {change(path): kept for path, kept in listing["extra"].items()}
    return cast("Listing", {**listing, "extra": extra})


def fault(
    name: str, listing: Listing, guard: Guard, *, is_wrote: bool, like: Mapping[str, Kept] = NONE
) -> str | None:
    """Return why a listing must not be put back here, or None: it leads outside, or is damaged.

    `like` are files that were judged before.
    """
    files = listing["files"]
    fresh = {path: kept for path, kept in files.items() if like.get(path) != kept}
    if not all(map(_is_kept, [*fresh.values(), *filter(None, listing["extra"].values())])):
        return "it names objects in another way than ours"
    if not all(map(_is_inside, fresh)):
        return "a name in it leads outside"
    if not is_wrote:
        strange = listing["extra"].keys() - guard.extra
        return f"it would write {min(strange)}" if strange else None
    folders = listing.get("folders")
    own = guard.own.get(name)
    if own is None or listing["extra"] or not isinstance(folders, list):
        return "it says of another phase what it made"
    made = [PurePosixPath(path) for path in own.writes]
    if not {*folders} <= {*own.writes}:
        return "it would make another folder"
    outside = [path for path in files if not _lies_in(PurePosixPath(path), made)]
    return f"it would write {outside[0]}" if outside else None


def _lies_in(path: PurePosixPath, folders: Iterable[PurePosixPath]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _is_kept(kept: Kept) -> bool:
    return bool(_SHA256.fullmatch(kept[0])) and kept[1] >= 0


def _is_inside(path: str) -> bool:
    return "\0" not in path and not {"", ".", ".."} & {*path.split("/")}


def objects(listings: Iterable[Listing]) -> dict[str, int]:
    """Return the objects that listings name: SHA-256 -> size."""
    return {
        kept[0]: kept[1]
        for listing in listings
        for kept in (*listing["files"].values(), *filter(None, listing["extra"].values()))
    }


def sent(build: Build) -> set[str]:
    """Return the objects that the bucket has for a build: what each phase wrote except for the files that it only copied."""
    found: set[str] = set()
    for step in build["steps"].values():
        read = {row[2] for row in step["record"]["inputs"] if row[:1] == ["bytes"] and row[2:]}
        found |= {*wrote(step["left"], build["listings"])} - read
    return found


def wrote(left: Left, listings: Mapping[str, Listing]) -> dict[str, int]:
    """Return the objects that a phase has written: those that it did not find as they are."""
    before = objects([listings[left["base"]]] if left["base"] else [])
    after = objects(listings[one] for one in (left["listing"], left.get("wrote")) if one)
    return {sha256: size for sha256, size in after.items() if sha256 not in before}


def apart_from(build: Build, name: str, others: Collection[str], root: str) -> Record:
    """Return what a phase of a build read, without what is made before it runs, and the folders which that lies in.

    That is the static root, as a path below the checkout, and what these other phases of the build wrote there.
    """
    record = build["steps"][name]["record"]
    wrote = [build["steps"][one]["left"].get("wrote") for one in others]
    files = [build["listings"][one]["files"] for one in wrote if one]
    made = [PurePosixPath("{project}", path) for path in (root, *chain.from_iterable(files))]
    names = {str(one) for path in made for one in (path, *path.parents)}
    rows = [row for row in record["inputs"] if row[1].partition("\0")[0] not in names]
    return {**record, "inputs": rows}


def packs_of(builds: Iterable[Build | Copies]) -> dict[str, tuple[str, int]]:
    """Return in which pack each object is that is in one: SHA-256 -> SHA-256 and size of the pack."""
    return {
        held: (name, pack["size"])
        for build in builds
        for name, pack in build["packs"].items()
        for held in pack["holds"]
    }
