"""staticfiles.json, the manifest of Django's ManifestStaticFilesStorage: a file's name -> its name with a hash.

    {"paths": {"css/site.css": "css/site.55e7cbb9ba48.css"}, "version": "1.1", "hash": "3f9c2ab0d1e2"}

Web processes read it once, and raise ValueError for a name it lacks.
"""

from __future__ import annotations

import json
from typing import Any

from fab_static.errors import ManifestError


def read(text: str, *, where: str = "staticfiles.json") -> tuple[str, frozenset[str]]:
    """Return the text with its keys in order, the same for the same content, and the names that hold a hash.

    Raises:
        ManifestError: it is not such a manifest.
    """
    document, found = _parsed(text, where)
    return json.dumps(document, sort_keys=True), frozenset(found.values())


def paths(text: str, *, where: str = "staticfiles.json") -> dict[str, str]:
    """Return name -> name with a hash, of the files that have one.

    Raises:
        ManifestError: it is not such a manifest.
    """
    return _parsed(text, where)[1]


def _parsed(text: str, where: str) -> tuple[Any, dict[str, str]]:
    try:
        document = json.loads(text)
        found = {name: hashed for name, hashed in document["paths"].items() if hashed != name}
        if not all(isinstance(name, str) for name in found.values()):
            raise TypeError("a name is not text")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ManifestError(
            f"this is not a manifest of Django's ManifestStaticFilesStorage: {error}",
            where=where,
            mend="collect the files again: manage.py collectstatic",
        ) from error
    return document, found
