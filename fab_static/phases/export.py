"""Exports: writes a sealed release as one file, with which `prepare --from` needs no build."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

from fab_static.errors import InventoryError, ReleaseError
from fab_static.host.agent.protocol import RECORD
from fab_static.phases.run.archive_places import ZSTD, zstd
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.holders import Source, records, sources
from fab_static.plan.archive import (
    BESIDE,
    END,
    MARKER,
    SEAL,
    Marker,
    contents,
    header,
    object_name,
    padding,
)
from fab_static.plan.history import bad
from fab_static.plan.release import Release
from fab_static.plan.wording import counted

BATCH_BYTES = 8 << 20  # of objects that are asked for at once: bounds memory, and round trips


def export(deploy: Deployment, release: Release, out: Path, without: str | None) -> None:
    """Write a release, its seal, manifests and objects, as one file of this machine.

    Needs: a sealed release on the build host or a static host. Nothing is changed there.
    Leaves: the file, whole. Its bytes follow from the release alone.
    If it fails: no file of this name is left that was not there before.

    Args:
        deploy: the environment, looked at.
        release: what is written.
        out: the file.
        without: a release whose objects are left out: whoever takes the file has them.
    """
    base = deploy.seals.read(without) if without else None
    objects = contents(release, base)
    with _written(out) as file:
        _write(file, deploy, release, objects, without)
    size = sum(objects.values())
    deploy.show.say(
        f"release {release.id}: {counted(len(objects), 'object')}, {counted(size, 'byte')} in {out}"
    )


def at_hand(deploy: Deployment) -> str:
    """Return the release sealed last, or the live one where that one was rolled back.

    Raises:
        ReleaseError: there is neither.
    """
    held = {name for state in deploy.states.values() for name in state["releases"]}
    for name in (deploy.journal.release, deploy.last_live):
        if name in held and name not in bad(deploy.record):
            return str(name)
    raise ReleaseError(
        "no release is sealed yet",
        where=f"every host of {deploy.environment.name}",
        mend=f"build and seal one: fab {deploy.environment.name} prepare",
    )


def _write(
    file: BinaryIO,
    deploy: Deployment,
    release: Release,
    objects: dict[str, int],
    without: str | None,
) -> None:
    seal = deploy.seals.text(release)
    beside = {
        key: str(text).encode()
        for key, text in deploy.seals.beside.get(release.id, {}).items()
        if key in BESIDE and text
    }
    marker = Marker(
        app=release.app,
        environment=release.environment,
        release=release.id,
        seal=deploy.seals.sha256(release),
        without=without,
        versions_file=_versions_file(deploy, release),
        **{key: sha256(text).hexdigest() for key, text in beside.items()},
    )
    _member(file, MARKER, marker.text())
    _member(file, SEAL, seal)
    for key, name in BESIDE.items():
        if key in beside:
            _member(file, name, beside[key])
    wanted = records(objects)
    lent = sources(wanted, [], deploy.holders) if objects else []
    try:
        for batch in _batches(objects):
            for name, data in _fetched(lent, batch).items():
                _member(file, object_name(name), data)
    finally:
        for source, _ in lent:
            source.close_agent()
    file.write(END)


def _member(file: BinaryIO, name: str, data: bytes) -> None:
    file.write(header(name, len(data)))
    file.write(data)
    file.write(padding(len(data)))


def _versions_file(deploy: Deployment, release: Release) -> str | None:
    sealed = deploy.journal.phases.get("seal")
    is_known = sealed and release.versions_sha256 and deploy.journal.release == release.id
    return sealed.get("versions_file") if sealed and is_known else None


def _batches(objects: Mapping[str, int]) -> Iterator[dict[str, int]]:
    batch: dict[str, int] = {}
    left = BATCH_BYTES
    for name, size in objects.items():
        if batch and size > left:
            yield batch
            batch, left = {}, BATCH_BYTES
        batch[name] = size
        left -= size
    if batch:
        yield batch


def _fetched(lent: Sequence[tuple[Source, bytes]], batch: Mapping[str, int]) -> dict[str, bytes]:
    """Return objects in the order in which they are written: a host sends what deflates apart."""
    found: dict[str, bytes] = {}
    for source, part in lent:
        some = {raw.hex(): size for raw, size in RECORD.iter_unpack(part) if raw.hex() in batch}
        if some:
            found.update(source.objects(records(some)))
    return {name: found[name] for name in batch}


# ---- the file


@contextmanager
def _written(out: Path) -> Iterator[BinaryIO]:
    """Yield a file beside `out` that takes its name once all is written; a device or a pipe is written to itself.

    A link stays one: what it leads to is written.
    """
    out = out.resolve()
    is_special = out.exists() and not out.is_file()
    aside = out if is_special else out.parent / f".{out.name}.{os.getpid()}-{os.urandom(4).hex()}"
    try:
        file = aside.open("wb" if is_special else "xb")
    except OSError as error:
        raise InventoryError(
            f"no file can be written there: {error.strerror}",
            where=str(out),
            mend="name a file in a folder that is there, and that you may write to: --out FILE",
        ) from error
    try:
        with file:
            with _compressed(file, out) if out.suffix == ZSTD else nullcontext(file) as into:
                yield into
            file.flush()
            if not is_special:
                os.fsync(file.fileno())
                aside.replace(out)
    except BaseException:
        if not is_special:
            with suppress(OSError):
                aside.unlink()
        raise


@contextmanager
def _compressed(file: BinaryIO, out: Path) -> Iterator[BinaryIO]:
    """Yield what takes bytes that reach the file compressed."""
    program = zstd(str(out))
    process = subprocess.Popen([program, "-qc"], stdin=subprocess.PIPE, stdout=file)  # noqa: S603 - no word of others
    try:
        with process.stdin as into:  # type: ignore[union-attr]  # a pipe
            yield cast("BinaryIO", into)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.wait():
        raise ReleaseError(
            f"zstd failed with exit code {process.returncode}",
            where=str(out),
            mend="see whether the disk is full; or use a name without .zst",
        )
