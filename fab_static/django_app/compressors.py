"""Compressors for a build that knows no CDN: they find files by STATIC_URL, whatever stands before it.

COMPRESSORS = {
    "css": "fab_static.django_app.compressors.CssCompressor",
    "js": "fab_static.django_app.compressors.JsCompressor",
}
"""

from __future__ import annotations

from compressor import css, js
from compressor.conf import settings


class _BelowStaticUrl:
    """django-compressor itself wants COMPRESS_URL, the CDN included, before every name."""

    def get_basename(self, url: str) -> str:
        """Return the path below the static root that a URL in a block names."""
        static_url, compress_url = str(settings.STATIC_URL), str(settings.COMPRESS_URL)
        if url.startswith(static_url) and not url.startswith(compress_url):
            url = compress_url + url.removeprefix(static_url)
        basename: str = super().get_basename(url)  # type: ignore[misc]  # the compressor's
        return basename


class CssCompressor(_BelowStaticUrl, css.CssCompressor):  # type: ignore[misc]  # compressor ships no types
    """Of {% compress css %}."""


class JsCompressor(_BelowStaticUrl, js.JsCompressor):  # type: ignore[misc]  # compressor ships no types
    """Of {% compress js %}."""
