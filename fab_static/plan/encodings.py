"""Content codings, and the endings under which their copies stand."""

from __future__ import annotations

# content coding (RFC 9110, 8.4.1) -> how a copy is called. gz and br are endings, under which nginx looks for it; zst is a
# folder: see nginx_encodings.py
ENDINGS = {"gzip": "gz", "br": "br", "zstd": "zst"}
