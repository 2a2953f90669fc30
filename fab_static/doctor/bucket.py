"""The doctor for buckets: are they there, may we read, write and list them, and do they hold what we wrote?"""

from __future__ import annotations

from collections.abc import Iterator

from fab_static.doctor.findings import Finding, bad, good
from fab_static.errors import FabStaticError
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
        subject = "S3 writing"
        if publication.bucket.may_write():
            yield good(where, subject, "objects may be written, and conditions hold")
        else:
            yield bad(
                where,
                subject,
                "the store takes no notice of If-Match: two deploys at once would not see each other",
                "let one operator deploy at a time, or use a store with conditional writes",
            )
        subject = "S3 copying"
        if publication.bucket.may_copy():
            yield good(where, subject, "objects may be copied inside the bucket")
        else:
            yield good(
                where,
                subject,
                f"objects may be copied inside the bucket; {PROBE} and {PROBE_COPY} stay there, because "
                "s3:DeleteObject is denied",
            )
        subject = "S3 content"
        astray = publication.audit()
        if astray:
            yield bad(
                where,
                subject,
                f"{len(astray)} objects are not as they were written, such as "
                + ", ".join(f"{key} {how}" for key, how in sorted(astray.items())[:3]),
                f"fab {deploy.environment.name} verify --audit, then deploy",
            )
        else:
            yield good(where, subject, f"{len(publication.manifest.files)} objects, all as written")
    except FabStaticError as error:
        yield bad(where, subject, error.what, error.mend)
