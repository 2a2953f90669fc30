"""Opens an archive where it is: a file of this machine, a URL, or an object of a bucket."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urlsplit

from fab_static.errors import InventoryError
from fab_static.phases.run.archive import Archive, read
from fab_static.plan.inventory import S3, Environment

ZSTD = ".zst"
URL_SECONDS = 3600  # how long an archive may take to come out of a bucket
SILENT_SECONDS = 60.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@contextmanager
def opened(place: str, environment: Environment) -> Iterator[Archive]:
    """Open an archive, every byte of which has been checked.

    What cannot be read twice is kept in a temporary file meanwhile; that never grows beyond what the seal says.

    Args:
        place: a path, `https://…` or `s3://bucket/key`.
        environment: whose buckets say how S3 is reached.

    Raises:
        InventoryError: it cannot be read, or is not as it was written.
    """
    with ExitStack() as stack:
        try:
            stream, is_kept = _stream(place, environment, stack)
            kept = None if is_kept else stack.enter_context(tempfile.TemporaryFile())
            archive = read(stream, shown(place), cast("BinaryIO | None", kept))
        except OSError as error:
            raise InventoryError(
                f"the archive cannot be read: {error}",
                where=shown(place),
                mend="name a file, an https:// URL or s3://bucket/key that can be read from here",
            ) from error
        yield archive


def _stream(place: str, environment: Environment, stack: ExitStack) -> tuple[BinaryIO, bool]:
    """Return what an archive is read from, and whether it can be read again."""
    if "://" in place:
        response = _response(_url(place, environment), place)
        stream, is_kept = stack.enter_context(response), False
    else:
        stream = stack.enter_context(Path(place).expanduser().open("rb"))
        is_kept = stream.seekable()
    if not shown(place).endswith(ZSTD):
        return stream, is_kept
    made = Decompressed(stream, shown(place))
    stack.callback(made.close)
    return cast("BinaryIO", made), False


def _url(place: str, environment: Environment) -> str:
    url = urlsplit(place)
    if url.scheme == "s3":
        from fab_static.aws.s3 import Bucket  # late: it loads boto3

        bucket = Bucket(_bucket(url.netloc, environment))
        return bucket.presign([url.path.lstrip("/")], seconds=URL_SECONDS)[0]
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOOPBACK):
        raise InventoryError(
            f"{shown(place)} is read by neither https:// nor s3://, and anybody on the way could change it",
            where="prepare --from",
            mend="name an https:// URL, s3://bucket/key, or a file",
        )
    return place


def _bucket(name: str, environment: Environment) -> S3:
    """Return how a bucket is reached: as the inventory says of it, else as the AWS configuration does."""
    for known in (environment.hub, environment.origin, environment.report):
        if known and known.bucket == name:
            return replace(known, prefix="")
    return S3(bucket=name)


def _response(url: str, place: str) -> BinaryIO:
    request = urllib.request.Request(url, headers={"User-Agent": "fab-static"})  # noqa: S310 - see _url
    try:
        return cast("BinaryIO", urllib.request.urlopen(request, timeout=SILENT_SECONDS))  # noqa: S310
    except ValueError as error:
        raise InventoryError(
            f"this is not a URL: {error}", where=shown(place), mend="write it as https://host/path"
        ) from error


class Decompressed:
    """What the zstd program makes of a stream."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - no word of others
            [zstd(name), "-dcq"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        threading.Thread(target=self._feed, args=(stream,), daemon=True).start()

    def _feed(self, stream: BinaryIO) -> None:
        with suppress(OSError), self._process.stdin as into:  # type: ignore[union-attr]  # a pipe
            shutil.copyfileobj(stream, into)  # it ends when nobody reads any more, too

    def read(self, size: int) -> bytes:
        """Return the next bytes; at their end the program must be content."""
        data: bytes = self._process.stdout.read(size) if self._process.stdout else b""
        if not data and size and self._process.wait():
            raise OSError("zstd cannot decompress it")
        return data

    def close(self) -> None:
        """End the program, wherever it is."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def zstd(name: str) -> str:
    """Return the zstd program.

    Raises:
        InventoryError: this machine has none.
    """
    program = shutil.which("zstd")
    if program is None:
        raise InventoryError(
            "the archive's name ends in .zst, and this machine has no zstd",
            where=name,
            mend="install zstd, or use a name without .zst",
        )
    return program


def shown(place: str) -> str:
    """Return a place without what may be a secret in it: a password, or a signed query."""
    url = urlsplit(place)
    if not url.scheme or not url.netloc:
        return place
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
