"""A record that another machine can check: contents stand for times, and names stand for places.

A place is a folder that is elsewhere on each machine: the checkout, the virtual environment, the home folder. In a
portable record `{project}/manage.py` stands for a file of the checkout. Its rows are those of a record, but each has a
state by content, and none has a stamp:

    text    SHA-256 of a small file in which places were replaced by their names: pyvenv.cfg, *.pth
    files   of the files that a glob matches: their names
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from functools import lru_cache
from itertools import zip_longest
from typing import Any, Callable, Dict, Iterable, Iterator, Mapping, Tuple

from fab_static.host.project.reads import machine
from fab_static.host.project.reads.globs import matching
from fab_static.host.project.reads.paths import source_of
from fab_static.host.project.reads.states import (
    LISTINGS,
    Row,
    Stamp,
    settled,
    stamp_of,
    state_of,
)

LINK = "link to "
OF_PLACES = re.compile(r"\{(\w+)\}(?=/|\Z)")
OF_PLACES_WITHIN = re.compile(r"\{(real_)?(project|deploy_to|home|static_root|venv)\}")
OF_PLACES_ALONE = {"text": "bytes", "files": "matches"}  # aspects of portable rows -> of others
ROUNDS = 100_000  # of PBKDF2
Record = Dict[str, Any]
OF_INSTALLERS = (".pth", "/pyvenv.cfg")  # files that say where things are
Keep = Callable[..., object]
SMALL = 256 * 1024  # bytes of a file that is read at once
Known = Dict[Tuple[str, str], Tuple[Stamp, str]]  # aspect and path -> stamp and state


class UnfitError(Exception):
    """Why a record cannot go to another machine, or cannot be taken from one."""


class Places:
    """The folders that are elsewhere on each machine: name -> path."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._paths = dict(places)
        # the longest first: the checkout may lie in the home folder
        self._places = sorted(places.items(), key=lambda one: -len(one[1]))

    def named(self, path: str) -> str:
        """Return a path with a name in place of the place that it lies in."""
        if OF_PLACES.match(path):
            raise UnfitError(f"{path} looks like a name of ours")
        for name, place in self._places:
            if path == place or path.startswith(place + "/"):
                return "{" + name + "}" + path[len(place) :]
        return path

    def placed(self, path: str) -> str:
        """Return the path that such a text stands for on this machine."""
        found = OF_PLACES.match(path)
        if not found:
            return path
        if found[1] not in self._paths:
            raise UnfitError(f"there is no {found[0]} here")
        return self._paths[found[1]] + path[found.end() :]

    def named_in(self, data: bytes) -> bytes:
        """Return the content of a file with names in place of the places in it."""
        for name, place in self._places:
            data = re.sub(_whole(place), b"{" + name.encode() + b"}", data)
        return data

    def named_by(self, data: bytes) -> set[str]:
        """Return the names of the places that these bytes name."""
        return {name for name, place in self._places if re.search(_whole(place), data)}

    def named_within(self, text: str) -> str:
        """Return what a project says with names in place of the places, wherever in it they stand."""
        if OF_PLACES_WITHIN.search(text):
            raise UnfitError(f"{text} holds a name of ours")
        for name, place in self._places:
            whole = rf"(?<![\w./-]){re.escape(place)}(?![\w.-])"
            text = re.sub(whole, lambda _: "{" + name + "}", text)  # noqa: B023  # it is called at once
        return text

    def placed_within(self, text: str) -> str:
        """Return what a project would say on this machine."""
        return OF_PLACES_WITHIN.sub(lambda found: self.placed(found[0]), text)

    def lie_in(self, path: str) -> bool:
        """Tell whether a folder holds one of the places: on every machine there is such a folder."""
        start = path.rstrip("/") + "/"
        return any(place.startswith(start) for place in self._paths.values())


def _whole(place: str) -> bytes:
    """Return a pattern for a path, and for no other that begins like it."""
    return re.escape(os.fsencode(place)) + rb"(?![\w.-])"


@lru_cache(maxsize=None)  # it is made slowly, and asked for with each record
def stretched(text: bytes) -> str:
    """Return what stands for a text that may hold passwords: nobody can guess them from it quickly."""
    return hashlib.pbkdf2_hmac("sha256", text, b"fab_static carried", ROUNDS).hex()


def packed(record: Record, places: Places) -> Record:
    """Return a record for other machines.

    Raises:
        UnfitError: something that it read has changed since, or its state says nothing elsewhere.
    """
    if record["unseen"]:
        raise UnfitError("; ".join(map(str, record["unseen"])))
    for key, whose in machine.WHOSE.items():
        if record.get("answer") and record.get(key):
            raise UnfitError(f"it asked for the name of this {whose}")
    rows: dict[tuple[str, str], str] = {}
    for row in record["inputs"]:
        for aspect, path, state in _portable(row, places):
            if rows.setdefault((aspect, path), state) != state:
                raise UnfitError(f"{row[1]} changed while it was read")
    collected = record.get("collected", {})
    return {
        "token": record["token"],
        "inputs": [[aspect, path, state] for (aspect, path), state in rows.items()],
        "inside": _renamed(record["inside"], places.named),
        "collected": {name: places.named(path) for name, path in collected.items()},
        "answer": _answered(record.get("answer"), places.named_within),
    }


def named_by(record: Record, made: Iterable[bytes], places: Places) -> set[str]:
    """Return the names of the places that a run has put into what it made.

    Raises:
        UnfitError: the name of this machine, or of this account, is in that, or in what it answered.
    """
    found: set[str] = set()
    for data in (str(record.get("answer") or "").encode(), *made):
        whose = machine.name_in(data, record)
        if whose:
            raise UnfitError(f"what it made holds the name of this {whose}")
        found |= places.named_by(data)
    return found


def _answered(answer: str | None, change: Callable[[str], str]) -> str | None:
    """Return an answer, JSON, with each text in it changed."""
    return answer and json.dumps(_changed(json.loads(answer), change))


def _changed(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_changed(one, change) for one in value]
    if isinstance(value, dict):
        return {change(name): _changed(one, change) for name, one in value.items()}
    return value


def _texts(value: object) -> Iterator[str]:
    """Yield each text in an answer."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def refuse_strange(candidate: Record, here: Mapping[str, str]) -> None:
    """Refuse an answer that holds a name in the paths of another machine's places, which is another here.

    What the project says may be made of where it lies: a folder beside the checkout, a URL with its name. Then it would
    say another thing here.

    Args:
        candidate: its `record`, and `there`: the places of its machine; a phase's has none.
        here: the places of this machine.

    Raises:
        UnfitError: the name.
    """
    texts = _texts(json.loads(candidate["record"].get("answer") or "null"))
    told = OF_PLACES_WITHIN.sub("", "\n".join(texts))
    for name, path in candidate.get("there", {}).items():
        for part in _others(path.split("/"), here.get(name, "").split("/")):
            if re.search(rf"(?<![0-9A-Za-z]){re.escape(part)}(?![0-9A-Za-z])", told):
                raise UnfitError(f"the answer names {part}, which is in a path of that machine")


def _others(there: list[str], here: list[str]) -> Iterator[str]:
    """Yield the names of a path that are others in another one, counted from its beginning, or from its end."""
    for one, other in ((there, here), (there[::-1], here[::-1])):
        yield from (part for part, name in zip_longest(one, other) if part and part != name)


def files_of(record: Record) -> set[str]:
    """Return the SHA-256s of the files that a portable record names."""
    return {state for aspect, _, state in record["inputs"] if aspect == "bytes"}


def _portable(row: Row, places: Places) -> Iterator[tuple[str, str, str]]:
    aspect, path, state, stamp = row
    if state == "folder" and aspect in ("link", "times", "kind") and places.lie_in(path):
        return
    if source_of(path):
        return  # compiled by the run itself: the source is a row of its own
    if aspect == "times" and state in ("absent", "folder"):
        aspect = "kind"
    elif aspect == "times":
        if state_of("times", path) != state:
            raise UnfitError(f"{path} has changed")
        aspect, state = "bytes", state_of("bytes", path)
    elif not state:
        if stamp is None or stamp_of(path) != tuple(stamp):
            raise UnfitError(f"{path} has changed")
        state = state_of("bytes", path)
    if aspect == "matches":
        if state_of("matches", path) != state:
            raise UnfitError(f"other files match {path.split(':')[0]} by now")
        aspect, state = "files", _files(path, places)
    if aspect == "bytes" and path.endswith(OF_INSTALLERS) and state != "absent":
        aspect, state = "text", _text(path, places)
    if state.startswith(LINK):
        state = LINK + places.named(state[len(LINK) :])
    yield aspect, _each(aspect, path, places.named), state


def _text(path: str, places: Places) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(places.named_in(file.read())).hexdigest()


def _files(glob: str, places: Places) -> str:
    return hashlib.sha256(json.dumps(list(map(places.named, matching(glob)))).encode()).hexdigest()


def _each(aspect: str, path: str, change: Callable[[str], str]) -> str:
    """Return the path of a row, changed: a glob's row holds several."""
    if aspect in ("matches", "files"):
        return ":".join(map(change, path.split(":")))
    folder, *names = path.split("\0")
    return "\0".join([change(folder), *names])


def _renamed(inside: Record, change: Callable[[str], str]) -> Record:
    return {
        "reads": [[aspect, change(path)] for aspect, path in inside["reads"]],
        "writes": [change(path) for path in inside["writes"]],
        "parts": {change(path): asked for path, asked in inside["parts"].items()},
    }


class Disk:
    """The states of what is on this machine.

    Args:
        places: of this machine.
        start_ns: what changed later may change again within a tick.
        known: states that were found out before, with what stands for them; more are noted here.
        keep: called with the bytes of a small collected file, and `sha256`, where a record says the same.
    """

    def __init__(self, places: Places, start_ns: int, known: Known, keep: Keep | None) -> None:
        self.places = places
        self._start_ns = start_ns
        self._known = known
        self._keep = keep

    def unpacked(self, record: Record) -> Record:
        """Return a portable record as one of this machine; what it was given is still to be said.

        Raises:
            UnfitError: something that it read is another here.
        """
        rows, placed = [], self.places.placed
        collected = {name: placed(path) for name, path in record["collected"].items()}
        sources = frozenset(collected.values())
        for aspect, name, state in record["inputs"]:
            path = _each(aspect, name, placed)
            if state.startswith(LINK):
                state = LINK + placed(state[len(LINK) :])
            is_source = aspect == "bytes" and path in sources
            stamp, now = self._state(aspect, path, state if is_source else "")
            if now != state:
                raise UnfitError(_difference(aspect, path))
            if aspect in OF_PLACES_ALONE:
                aspect = OF_PLACES_ALONE[aspect]
                stamp, state = self._state(aspect, path)
            rows.append([aspect, path, state, stamp])
        return {
            "token": record["token"],
            "inputs": rows,
            "unseen": [],
            "inside": _renamed(record["inside"], placed),
            "collected": collected,
            "answer": _answered(record.get("answer"), self.places.placed_within),
        }

    def _state(self, aspect: str, path: str, wanted: str = "") -> tuple[Stamp | None, str]:
        """Return the state of an aspect now, with what stands for it while it stays; `wanted`: of a collected file."""
        if aspect == "text":
            is_file = state_of("kind", path) == "file"
            return None, _text(path, self.places) if is_file else state_of("kind", path)
        if aspect == "files":
            return None, _files(path, self.places)
        stamp = stamp_of(path) if aspect == "bytes" or aspect in LISTINGS else None
        known = self._known.get((aspect, path))
        if known and known[0] == stamp:
            return known
        state = (wanted and self._kept(path, wanted)) or state_of(aspect, path)
        if stamp is None or not settled(stamp, self._start_ns) or stamp != stamp_of(path):
            return None, state
        self._known[aspect, path] = (stamp, state)
        return stamp, state

    def _kept(self, path: str, wanted: str) -> str:
        """Return the SHA-256 of a small file, kept where it is as wanted; "" of anything else."""
        try:
            found = os.stat(path)  # first: to open a device may do something
            if not self._keep or not stat.S_ISREG(found.st_mode) or found.st_size >= SMALL:
                return ""
            with open(path, "rb", buffering=0) as file:
                data = file.read(SMALL)
        except OSError:
            return ""
        state = hashlib.sha256(data).hexdigest()
        if state == wanted:  # no other: a record may name any file, and all may read what is kept
            self._keep(data, sha256=state)
        return state


def _difference(aspect: str, path: str) -> str:
    if aspect == "files":
        return "other files match {}".format(path.split(":")[0])
    return "{} is another here".format(path.split("\0")[0])


def fault(record: object) -> str | None:
    """Return what is wrong with the shape of a portable record, which came from outside, or None if nothing is."""
    if not isinstance(record, dict):
        return "it is not an object"
    token, inputs, inside = record.get("token"), record.get("inputs"), record.get("inside")
    if not isinstance(token, str) or not re.fullmatch("[0-9a-f]{16}", token):
        return "its token is not 16 hex digits"
    if not isinstance(inputs, list) or not all(_is_row(row) for row in inputs):
        return "its inputs cannot be read"
    if not isinstance(inside, dict) or not _is_inside(inside):
        return "what it says of the static root is not as we write it"
    collected = record.get("collected")
    if not isinstance(collected, dict) or not _are_texts(collected.values()):
        return "what it collected is not as we write it"
    return None if _is_answer(record.get("answer")) else "its answer cannot be read"


def _is_answer(answer: object) -> bool:
    if answer is None:
        return True
    try:
        return isinstance(answer, str) and isinstance(json.loads(answer), dict)
    except (ValueError, RecursionError):
        return False


ASPECTS = frozenset(("bytes", "text", "kind", "link", "others", "files", *LISTINGS))


def _is_row(row: object) -> bool:
    return isinstance(row, list) and len(row) == 3 and _are_texts(row) and row[0] in ASPECTS


def _is_inside(inside: Record) -> bool:
    reads, writes, parts = (inside.get(key) for key in ("reads", "writes", "parts"))
    return (
        isinstance(reads, list)
        and all(isinstance(one, list) and len(one) == 2 and _are_texts(one) for one in reads)
        and isinstance(writes, list)
        and _are_texts(writes)
        and isinstance(parts, dict)
        and all(isinstance(asked, dict) for asked in parts.values())
    )


def _are_texts(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) and "\ud800" not in value for value in values)
