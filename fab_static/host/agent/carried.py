"""Records of runs that go to other machines, and those that come from there; see host/project/reads/portable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time

from fab_static.host.agent.claims import claim
from fab_static.host.agent.disk import make_folders
from fab_static.host.agent.names import OBJECT, checked
from fab_static.host.agent.protocol import RECORD
from fab_static.host.agent.recorded import given_to, read_record, recorded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host
    from fab_static.host.agent.wire import Agent
    from fab_static.host.project.reads.portable import Known, Places

ROUNDS = 100_000  # of PBKDF2: whoever reads a record must not guess a password from it
# of a login, and of whoever is logged in: no phase of a build depends on them
OF_A_LOGIN = ("XDG_RUNTIME_DIR",)
# states that were found out for an earlier phase of this run
KNOWN: Known = {}


def pack(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return the records of runs for other machines, as body: name -> record. Body: records of what they wrote.

    Returns `places`, `given` (what another machine must give to such a run, as one text), `why` (name -> why that
    record cannot go), and `names_places`: whether the bytes that they wrote name a place of this machine.
    """
    from fab_static.host.project.reads import portable  # late: it comes with `learn`

    where = places_of(agent.host, head)
    places = portable.Places(where)
    packed: Head = {}
    why: dict[str, str] = {}
    for name in head["names"]:
        record = read_record(recorded(agent, name))
        try:
            if record is None:
                raise portable.UnfitError("it was not recorded")
            packed[name] = portable.packed(record, places)
        except portable.UnfitError as error:
            why[name] = str(error)
    names_places = any(
        places.are_in(_bytes_of(agent.host, raw.hex())) for raw, _ in RECORD.iter_unpack(body)
    )
    answer = {
        "places": where,
        "given": given_anywhere(head, places),
        "why": why,
        "names_places": names_places,
    }
    return answer, json.dumps(packed).encode()


def _bytes_of(host: Host, sha256: str) -> bytes:
    with open(host.object(checked(OBJECT, sha256, "object")), "rb") as file:
        return file.read()


def unpack(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Take the first record of another machine that would read the same here. Body: candidates, as JSON.

    A candidate has `record`, `given` as it was there, and `places`, where it is good for those alone. Returns
    `chosen`, which of them is the record `name` of this machine now, -1 for none; `why` the first does not fit; and
    `places`.
    """
    from fab_static.host.project.reads import portable, states  # late: it comes with `learn`

    claim(agent.host)
    make_folders(head["root"])  # when a build lists the checkout, it is there
    where = places_of(agent.host, head)
    places = portable.Places(where)
    disk = portable.Disk(places, int(time.time() * 1e9), KNOWN)
    given = given_anywhere(head, places)
    why = []
    for at, candidate in enumerate(json.loads(body.decode("utf-8"))):
        try:
            if candidate["given"] != given:
                raise portable.UnfitError("the interpreter or a variable is another here")
            if candidate["places"] not in (None, where):
                raise portable.UnfitError(
                    "what it wrote names folders of the machine that it ran on"
                )
            wrong = portable.fault(candidate["record"])
            if wrong:
                raise portable.UnfitError(wrong)
            record = disk.unpacked(candidate["record"])
        except (portable.UnfitError, ValueError) as error:  # ValueError: a NUL in a path
            why.append(str(error))
            continue
        salt = os.urandom(16).hex()
        known = {"format": states.FORMAT, "given": given_to(agent, head, salt), **record}
        _write(recorded(agent, head["name"]), known)
        return {"chosen": at, "why": "", "places": where}, b""
    return {"chosen": -1, "why": why[0] if why else "", "places": where}, b""


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
    from fab_static.host.project.reads import compared, states  # late: it comes with `learn`

    environment = dict(os.environ, **head["environment"])
    passed_over = (*compared.OF_THE_SESSION, *OF_A_LOGIN)
    variables = {
        name: os.pathsep.join(map(places.named, value.split(os.pathsep)))
        for name, value in sorted(environment.items())
        if name not in passed_over
    }
    program = os.path.realpath(head["python"])
    given = [states.state_of("bytes", program), variables]
    with contextlib.suppress(AttributeError):  # os.uname: what is compiled is of a machine's kind
        given.append([os.uname().sysname, os.uname().machine])
    text = json.dumps(given, sort_keys=True).encode("utf-8", "surrogateescape")
    return hashlib.pbkdf2_hmac("sha256", text, b"fab_static carried", ROUNDS).hex()
