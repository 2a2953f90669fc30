"""Makes files out of their gzip copies, so that the bytes of a text travel once."""

from __future__ import annotations

import contextlib
import zlib

from fab_static.host.agent.claims import Folders
from fab_static.host.agent.objects import object_writer
from fab_static.host.agent.protocol import PIECE, RECORD
from fab_static.host.agent.refusals import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host


def without_unpacked(host: Host, seal: Head, absent: bytes) -> bytes:
    """Make objects out of their gzip copies, which are here; return the records of what is still missing.

    What a damaged copy holds becomes no object: its SHA-256 is another.
    """
    left = {raw.hex(): size for raw, size in RECORD.iter_unpack(absent)}
    folders = Folders(host)
    for file in seal["files"].values():
        copy = file.get("encodings", {}).get("gz")
        if copy and file["sha256"] in left and copy["sha256"] not in left:
            with contextlib.suppress(RefusedError, zlib.error, FileNotFoundError):
                unpack(host, copy["sha256"], file["sha256"], file["size"], folders)
                del left[file["sha256"]]
    return b"".join(RECORD.pack(bytes.fromhex(sha256), size) for sha256, size in left.items())


def unpack(host: Host, copy: str, sha256: str, size: int, folders: Folders) -> None:
    """Write one object by its gzip copy."""
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    with open(host.object(copy), "rb") as file, object_writer(
        host, sha256, size, folders
    ) as writer:
        piece = file.read(PIECE)
        while piece and writer.left >= 0:  # more than it should hold is refused at the end
            writer.write(inflater.decompress(piece, PIECE))
            piece = inflater.unconsumed_tail or file.read(PIECE)
