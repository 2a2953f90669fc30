"""Content codings, and the endings under which their copies stand."""

from __future__ import annotations

# content coding (RFC 9110, 8.4.1) -> the ending under which nginx looks for it
ENDINGS = {"gzip": "gz", "br": "br"}
