"""What a bucket keeps where no build host lasts: the lock and the record, one JSON object each.

Each is written only on a condition, so if two write at once, one wins. Nothing secret stands in them.
"""

from __future__ import annotations

import json
from typing import TypeVar

from fab_static.errors import ManifestError
from fab_static.plan.wire.shapes import misshapen

FORMAT = 1
HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}
T = TypeVar("T")


def text_of(note: object) -> bytes:
    """Return the bytes of a note, always the same for the same note."""
    return json.dumps(note, separators=(",", ":"), sort_keys=True).encode()


def read_note(
    shape: type[T], text: bytes, *, what: str, app: str, environment: str, where: str
) -> T:
    """Return a note that has this shape, with its `format`, `app` and `environment`.

    Raises:
        ManifestError: it has another, or is another app's or environment's.
    """
    try:
        data = json.loads(text)
        wrong = misshapen(shape, data)
    except (ValueError, RecursionError) as error:
        data, wrong = None, str(error)[:200]
    if wrong is None and data["format"] != FORMAT:
        wrong = f"it has format {data['format']}, and this fab_static knows {FORMAT}"
    if wrong:
        raise ManifestError(
            f"the {what} in the bucket cannot be read: {wrong}",
            where=where,
            mend="use the version of fab_static that wrote it; if something else wrote there, find out what",
        )
    if (data["app"], data["environment"]) != (app, environment):
        raise ManifestError(
            f"the bucket's prefix belongs to {data['app']} {data['environment']}, not to {app} {environment}",
            where=where,
            mend="give each app and environment a bucket or a prefix of its own",
        )
    note: T = data
    return note
