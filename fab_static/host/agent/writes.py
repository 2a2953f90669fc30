"""Keeps what a phase of the project's own has made in the checkout, and puts it back when it need not run."""

from __future__ import annotations

import json
import os

from fab_static.host.agent.claims import Folders, claim
from fab_static.host.agent.disk import lasting
from fab_static.host.agent.names import checked_path
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.static_root import (
    is_unchanged,
    listing_of,
    put_all_back,
    put_back,
    take_in,
)
from fab_static.host.agent.transfer import put_object
from fab_static.host.agent.walking import files_below, is_inside, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.wire import Agent


def guard_writes(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Refuse links through which a phase would write outside of the checkout.

    One may stand there that the deploy of another environment has made: it leads into what is live.
    """
    for path in head["paths"]:
        place = within(head["folder"], path)
        for file in files_below(place):
            if os.path.islink(file):
                within(head["folder"], os.path.relpath(file, head["folder"]))
    return {}, b""


@lasting
def keep_writes(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Keep files and folders of the checkout as objects, and so the listing of them.

    That is one as of the static root, with "folders": [path]; all relative to `folder`. Returns its name, and
    which of `paths` are not there.
    """
    claim(agent.host)
    folder, folders = head["folder"], Folders(agent.host)
    listing: Head = {"files": {}, "extra": {}, "folders": []}
    absent = []
    for path in head["paths"]:
        place = within(folder, path)
        if os.path.isdir(place):
            listing["folders"].append(path)
            for name in kept_below(place):
                file, root = os.path.join(place, name), os.path.realpath(place)
                listing["files"][f"{path}/{name}"] = take_in(agent.host, file, folders, root)
        elif os.path.lexists(place):
            listing["files"][path] = take_in(agent.host, place, folders)
        else:
            absent.append(path)
    stored, _ = put_object(agent, {}, json.dumps(listing, sort_keys=True).encode())
    return {"listing": stored["object"], "absent": absent}, b""


def kept_below(folder: str) -> Iterator[str]:
    """Yield the files of a folder that a phase has made.

    Raises:
        RefusedError: at a link to a folder, or out of this one; at what is not a file.
    """
    try:
        for name, _status in walk(folder):
            yield name
    except RefusedError as error:
        raise RefusedError(
            f"{error.what}, and what a phase makes can only be kept as files",
            folder,
            "have the phase make a copy there, or remove it: a link must lead to a file in the same folder",
            "build",
        ) from error


def put_writes_back(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Make files and folders of the checkout what a listing says; return how many had to be changed.

    In such a folder nothing else stays: what an earlier run left there would be collected.
    """
    folder, listing = head["folder"], listing_of(agent, head["listing"])
    changed = 0
    alone = dict(listing["files"])
    for path in listing["folders"]:
        inside = {
            name[len(path) + 1 :]: alone.pop(name)
            for name in listing["files"]
            if name.startswith(path + "/")
        }
        changed += put_all_back(agent.host, within(folder, path), inside)
    for path, known in alone.items():
        place = within(folder, path)
        if not (os.path.isfile(place) and is_unchanged(os.lstat(place), known)):
            put_back(agent.host, place, known)
            changed += 1
    return {"changed": changed}, b""


def within(folder: str, path: str) -> str:
    """Return a path of the checkout, if it lies in it: links are followed."""
    place = os.path.join(folder, checked_path(path))
    if not is_inside(os.path.realpath(place), os.path.realpath(folder)):
        raise RefusedError(
            f"{path} leads out of the checkout",
            place,
            "remove the link, or name the folder that it leads to, below project.path; if it leads into what another "
            "environment has live, give each environment a checkout of its own",
            "build",
        )
    return place
