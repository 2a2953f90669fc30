"""Records of runs that go to other machines, and those that come from there; see host/project/reads/portable."""

from __future__ import annotations

import json
import os
import time
from functools import partial

from fab_static.host.agent.claims import Folders, claim
from fab_static.host.agent.disk import make_folders
from fab_static.host.agent.names import OBJECT, checked
from fab_static.host.agent.objects import has_object, keep_bytes, keep_file
from fab_static.host.agent.protocol import RECORD
from fab_static.host.agent.recorded import PROVED, given_to, read_record, recorded
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent
    from fab_static.host.project.reads.portable import Known, Places

# states that were found out for an earlier phase of this run
KNOWN: Known = {}
# SHA-256 -> a file with these bytes, of those that such phases read
FILES: dict[str, str] = {}


def pack(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return the records of runs for other machines, as body: name -> record. Body: name -> objects that it wrote.

    Returns `places`, `given` (what another machine must give to such a run, as one text), `why` (name -> why that
    record cannot go), and `named`: name -> the places of this machine that the bytes which it wrote name. What is a
    file that it read, byte for byte, names what it named before.
    """
    from fab_static.host.project.reads import portable  # late: it comes with `learn`

    where = places_of(agent.host, head)
    places = portable.Places(where)
    packed: Head = {}
    why: dict[str, str] = {}
    named: dict[str, list[str]] = {}
    for name, wrote in json.loads(body.decode("utf-8")).items():
        record = read_record(recorded(agent, name))
        try:
            if record is None:
                raise portable.UnfitError("it was not recorded")
            found = portable.packed(record, places)
            copied = portable.files_of(found)
            made = _bytes_of(agent.host, (one for one in wrote if one not in copied))
            named[name] = sorted(portable.named_by(record, made, places))
            packed[name] = found
        except portable.UnfitError as error:
            why[name] = str(error)
    answer = {
        "places": where,
        "given": given_anywhere(head, places),
        "why": why,
        "named": named,
    }
    return answer, json.dumps(packed).encode()


def _bytes_of(host: Host, objects: Iterable[str]) -> Iterator[bytes]:
    for sha256 in objects:
        with open(host.object(checked(OBJECT, sha256, "object")), "rb") as file:
            yield file.read()


def unpack(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Take the first record of another machine that would read the same here. Body: candidates, as JSON.

    Without `keep` it only looks, and writes nothing. With it, a small collected file that is as it was there becomes an
    object at once. A candidate has `record`, `given` as it was there, and `places`, which must lie here as they did
    there. Of an answer, `there` are all places of that machine. Returns `chosen`, which of them is the record `name` of
    this machine now, -1 for none; `why` the first does not fit; and `places`.
    """
    from fab_static.host.project.reads import portable  # late: it comes with `learn`

    if head["keep"]:
        claim(agent.host)
        make_folders(head["root"])  # when a build lists the checkout, it is there
    where = places_of(agent.host, head)
    places = portable.Places(where)
    keep = head["keep"] and partial(keep_bytes, agent.host, folders=Folders(agent.host))
    disk = portable.Disk(places, int(time.time() * 1e9), KNOWN, keep)
    given = given_anywhere(head, places)
    why = []
    for at, candidate in enumerate(json.loads(body.decode("utf-8"))):
        try:
            if candidate["given"] != given:
                raise portable.UnfitError("the interpreter or a variable is another here")
            for name, path in candidate["places"].items():
                if where.get(name) != path:
                    raise portable.UnfitError(
                        f"what it wrote names {path}, a folder of that machine"
                    )
            wrong = portable.fault(candidate["record"])
            if wrong:
                raise portable.UnfitError(wrong)
            portable.refuse_strange(candidate, where)
            record = disk.unpacked(candidate["record"])
        except (portable.UnfitError, ValueError) as error:  # ValueError: a NUL in a path
            why.append(str(error))
            continue
        if head["keep"]:
            _keep(agent, head, record)
        return {"chosen": at, "why": "", "places": where}, b""
    return {"chosen": -1, "why": (why or [""])[0], "places": where}, b""


def _keep(agent: Agent, head: Head, record: Head) -> None:
    """Have this machine know a run as if it had gone here, and which files it read."""
    from fab_static.host.project.reads import states  # late: it comes with `learn`

    for aspect, path, state, _ in record["inputs"]:
        if aspect == "bytes":
            FILES[state] = path
    given = given_to(agent, head, os.urandom(16).hex())
    record = {"format": states.FORMAT, "given": given, **record}
    _write(recorded(agent, head["name"]), record)
    PROVED[head["name"]] = {**record, "inputs": []}


def gather(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Keep objects whose bytes are here: in packs, or in files that were found to be as another machine read them.

    Body: records of those that are wanted; answers the records of those that are not here then. `packs` are objects
    that hold others: of each its record, then its bytes. They go when they were opened.
    """
    host = agent.host
    claim(host)
    folders = Folders(host)
    for pack in head["packs"]:
        _open_pack(host, checked(OBJECT, pack, "object"), folders)
    absent = bytearray()
    for raw, size in RECORD.iter_unpack(body):
        sha256 = raw.hex()
        if not has_object(host, sha256, size) and not _is_taken(host, sha256, size, folders):
            absent += RECORD.pack(raw, size)
    return {}, bytes(absent)


def _open_pack(host: Host, pack: str, folders: Folders) -> None:
    """Keep what a pack holds, each object under the SHA-256 of its bytes, whatever its record says."""
    with open(host.object(pack), "rb") as file:
        whole = os.fstat(file.fileno()).st_size
        for record in iter(lambda: file.read(RECORD.size), b""):
            # what is cut short is kept as what it is, and wanted still
            size = RECORD.unpack(record.ljust(RECORD.size, b"\0"))[1]
            keep_bytes(host, file.read(min(size, whole)), folders)
    os.unlink(host.object(pack))


def _is_taken(host: Host, sha256: str, size: int, folders: Folders) -> bool:
    """Keep an object that is a file here, checked as it is copied; tell whether there is such a file."""
    try:
        with os.fdopen(os.open(FILES[sha256], os.O_RDONLY | os.O_NONBLOCK), "rb", 0) as file:
            keep_file(host, file.fileno(), sha256, size, folders)
    except (KeyError, FileNotFoundError, RefusedError):  # gone, or changed since
        return False
    return True


def _write(path: str, record: Head) -> None:
    """Write a record whole, for this user alone."""
    make_folders(os.path.dirname(path), 0o700)
    temporary = f"{path}.{os.getpid()}"
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(json.dumps(record))
    os.replace(temporary, path)


def places_of(host: Host, head: Head) -> dict[str, str]:
    """Return the folders that are elsewhere on each machine: name -> path."""
    folder, python = head["folder"], head["python"]
    found = {"project": folder, "deploy_to": host.root, "home": os.path.expanduser("~")}
    if not (head["root"] + "/").startswith(folder.rstrip("/") + "/"):
        found["static_root"] = head["root"]
    above = os.path.dirname(os.path.dirname(python))
    if python.startswith("/") and os.path.isfile(os.path.join(above, "pyvenv.cfg")):
        found["venv"] = above
    for name, path in list(found.items()):
        found["real_" + name] = os.path.realpath(path)
    return {name: path.rstrip("/") for name, path in found.items() if path.rstrip("/")}


def given_anywhere(head: Head, places: Places) -> str:
    """Return one text for what a run is given, whatever it runs: the interpreter's bytes, and the variables.

    No value can be had from it, and none be guessed that is not guessed together with all others.
    """
    from fab_static.host.project.reads import compared, portable, states  # late: see above

    environment = dict(os.environ, **head["environment"])
    # the latter is of a login, and of whoever is logged in: no phase of a build depends on it
    passed_over = (*compared.OF_THE_SESSION, "XDG_RUNTIME_DIR")
    variables = {
        name: os.pathsep.join(map(places.named, value.split(os.pathsep)))
        for name, value in sorted(environment.items())
        if name not in passed_over
    }
    program = os.path.realpath(head["python"])
    kind = [os.uname().sysname, os.uname().machine]  # what is compiled is of a machine's kind
    given = [states.state_of("bytes", program), variables, kind]
    text = json.dumps(given, sort_keys=True).encode("utf-8", "surrogateescape")
    return portable.stretched(text)
