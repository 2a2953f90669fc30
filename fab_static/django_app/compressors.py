"""Compressors for a build that knows no CDN: they find files by STATIC_URL, whatever stands before it.

They print integrity attributes too, by the settings that django-compressor has after 4.6:
COMPRESS_SRI_HASHES = ("sha384",) and COMPRESS_SRI_CROSSORIGIN = "anonymous".

COMPRESSORS = {
    "css": "fab_static.django_app.compressors.CssCompressor",
    "js": "fab_static.django_app.compressors.JsCompressor",
}
"""

from __future__ import annotations

import hashlib
import re

from compressor import css, js
from compressor.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from fab_static.plan.integrity import spelled

_ELEMENT = re.compile(r"<(?:script|link)\b")


class _BelowStaticUrl:
    """django-compressor itself wants COMPRESS_URL, the CDN included, before every name."""

    def get_basename(self, url: str) -> str:
        """Return the path below the static root that a URL in a block names."""
        static_url, compress_url = str(settings.STATIC_URL), str(settings.COMPRESS_URL)
        if url.startswith(static_url) and not url.startswith(compress_url):
            url = compress_url + url.removeprefix(static_url)
        basename: str = super().get_basename(url)  # type: ignore[misc]  # the compressor's
        return basename


class _Promising:
    """Prints the hash of the file that was written, unless compressor itself has."""

    charset: str

    def output_file(
        self, mode: str, content: str, forced: bool = False, basename: str | None = None
    ) -> SafeString:
        """Return the element that stands in pages for the file."""
        html: str = super().output_file(mode, content, forced, basename)  # type: ignore[misc]  # the compressor's
        data = content.encode(self.charset)
        hashes = [
            spelled(name, hashlib.new(name, data).hexdigest())
            for name in getattr(settings, "COMPRESS_SRI_HASHES", None) or ()
        ]
        if hashes and "integrity=" not in html:
            crossorigin = getattr(settings, "COMPRESS_SRI_CROSSORIGIN", None) or "anonymous"
            attributes = format_html(
                ' integrity="{}" crossorigin="{}"', " ".join(hashes), crossorigin
            )
            html = _ELEMENT.sub(lambda found: found[0] + attributes, html, count=1)
        return mark_safe(html)  # noqa: S308  # compressor's own, and what format_html made


class CssCompressor(_Promising, _BelowStaticUrl, css.CssCompressor):  # type: ignore[misc]  # compressor ships no types
    """Of {% compress css %}."""


class JsCompressor(_Promising, _BelowStaticUrl, js.JsCompressor):  # type: ignore[misc]  # compressor ships no types
    """Of {% compress js %}."""
