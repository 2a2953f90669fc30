"""A file's name -> the content type that it is served with: the same on every machine, and in a bucket.

Nothing is read from /etc/mime.types or from nginx's own table. These tables differ from machine to machine,
and the older ones know neither modules nor web manifests: browsers refuse both as text/plain.
"""

from __future__ import annotations

import mimetypes
from functools import cache

UNKNOWN = "application/octet-stream"
TYPES = {
    ".apng": "image/apng",
    ".atom": "application/atom+xml",
    ".avif": "image/avif",
    ".bcmap": UNKNOWN,
    ".bmp": "image/bmp",
    ".cjs": "text/javascript",
    ".css": "text/css",
    ".csv": "text/csv",
    ".eot": "application/vnd.ms-fontobject",
    ".geojson": "application/geo+json",
    ".gif": "image/gif",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".gz": "application/gzip",
    ".htc": "text/x-component",
    ".htm": "text/html",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".ics": "text/calendar",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",  # RFC 9239
    ".json": "application/json",
    ".jsonld": "application/ld+json",
    ".jxl": "image/jxl",
    ".less": "text/plain",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/opus",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".rss": "application/rss+xml",
    ".rtf": "application/rtf",
    ".scss": "text/plain",
    ".svg": "image/svg+xml",
    ".swf": "application/x-shockwave-flash",
    ".tar": "application/x-tar",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".ttc": "font/collection",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".vtt": "text/vtt",
    ".wasm": "application/wasm",
    ".wav": "audio/x-wav",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xml": "application/xml",
    ".yaml": "text/plain",
    ".yml": "text/plain",
    ".zip": "application/zip",
}
_OTHER_TYPES = mimetypes.MimeTypes()  # Python's own table, without the system's files
_IN_UTF8 = ("text/", "application/json", "application/manifest+json", "image/svg+xml")


def content_type(path: str) -> str:
    """Return the content type of a file by its name, with the charset of a text."""
    name = path.rpartition("/")[2].lower()
    return _type_of("." + name.rpartition(".")[2] if "." in name else "")


@cache  # a release has a few dozen kinds of files
def _type_of(ending: str) -> str:
    kind = TYPES.get(ending) or _OTHER_TYPES.guess_type("file" + ending)[0]
    if kind is None:
        return UNKNOWN
    return f"{kind}; charset=utf-8" if kind.startswith(_IN_UTF8) else kind
