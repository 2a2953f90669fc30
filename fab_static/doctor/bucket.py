"""The doctor for buckets: are they there, may we read, write and list them, and do they hold what we wrote?"""

from __future__ import annotations

from collections.abc import Iterator

from fab_static.doctor.findings import Finding, advice, bad, good
from fab_static.errors import FabStaticError, RemoteError
from fab_static.phases.run import putting
from fab_static.phases.run.bucket_record import BucketRecord
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.publication import Publication
from fab_static.plan.inventory import S3
from fab_static.plan.publication import PROBE, PROBE_COPY


def check(deploy: Deployment) -> list[Finding]:
    """Return every finding, as doctor.check does.

    It writes two objects to find out. It removes them where s3:DeleteObject is allowed.
    """
    places = dict.fromkeys((deploy.environment.origin, deploy.environment.hub))
    return [finding for place in places if place for finding in _of(deploy, place)]


def _of(deploy: Deployment, place: S3) -> Iterator[Finding]:
    where = str(place)
    subject = "S3"
    try:
        publication = Publication(place, deploy.environment).read()
        yield good(where, subject, "is there, and may be read")
        for subject, look in (
            ("S3 writing", _writing),
            ("S3 copying", _copying),
            ("S3 content", _content),
        ):
            yield look(publication, where, subject)
        subject = "S3 from the build host"
        yield from _from_build_host(deploy, publication, where, subject)
        if place == deploy.environment.notes:
            subject = "S3 lock"
            yield _lock(publication, where, subject)
            subject = "S3 record"
            BucketRecord(publication).read()
            yield good(where, subject, "it can be read")
    except FabStaticError as error:
        yield bad(where, subject, error.what, error.mend)


def _writing(publication: Publication, where: str, subject: str) -> Finding:
    if publication.bucket.may_write():
        return good(where, subject, "objects may be written, and conditions hold")
    what = "the store takes no notice of If-Match: two deploys at once would not see each other"
    cure = "let one operator deploy at a time, or use a store with conditional writes"
    return bad(where, subject, what, cure)


def _from_build_host(
    deploy: Deployment, publication: Publication, where: str, subject: str
) -> Iterator[Finding]:
    """Look whether the build host reaches the store; where it does not, objects go through this machine."""
    try:
        tried = putting.tried(deploy, publication)
    except RemoteError:  # a finding of its own says so
        return
    if tried is None:
        return
    name, why = tried
    if why is None:
        yield good(where, subject, f"{name} puts objects itself")
        return
    what = f"{name} cannot put objects ({why}): all go through this machine"
    cure = "let it reach the store; or say put_by: operator, and it is not tried at each deploy"
    yield advice(where, subject, what, cure)


def _lock(publication: Publication, where: str, subject: str) -> Finding:
    """Look whether the bucket can keep the lock: no build host of this environment lasts."""
    if publication.bucket.knows_conditions():
        return good(where, subject, "the bucket keeps the lock and the record")
    what = "the store takes no notice of If-None-Match or If-Match, and so cannot keep the lock"
    cure = (
        "use a store with conditional writes; or, if the build host lasts, release: {record: host}"
    )
    return bad(where, subject, what, cure)


def _copying(publication: Publication, where: str, subject: str) -> Finding:
    may = "objects may be copied inside the bucket"
    if publication.bucket.may_copy():
        return good(where, subject, may)
    left = f"{PROBE} and {PROBE_COPY} stay there, because s3:DeleteObject is denied"
    return good(where, subject, f"{may}; {left}")


def _content(publication: Publication, where: str, subject: str) -> Finding:
    astray = publication.audit()
    if not astray:
        return good(where, subject, f"{len(publication.manifest.files)} objects, all as written")
    some = ", ".join(f"{key} {how}" for key, how in sorted(astray.items())[:3])
    what = f"{len(astray)} objects are not as they were written, such as {some}"
    cure = f"fab {publication.environment.name} verify --audit, then deploy"
    return bad(where, subject, what, cure)
