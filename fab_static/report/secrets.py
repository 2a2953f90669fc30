"""Blanks the values of secrets out of what is shown or kept, in every form that programs print them in."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from fab_static.plan.text import without_colours

# what makes text read in another order than it is written (U+202E), or begins a line
_UNSEEN = re.compile("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_PASSWORDS = (  # that stand in an address of a server, or among its settings
    re.compile(r"\w://[^/?#:@\s]*:([^/?#\s]+)@"),
    re.compile(r"\w://[^/?#:@\s]*:(.+)@"),  # / or # stands in it, though a URL must escape them
    re.compile(r"(?i)\b(?:password|passwd|pwd)\s*=\s*([^\s;&'\"][^\s;&]*)"),
    re.compile(r"(?i)\b(?:password|passwd|pwd)\s*=\s*'([^']+)'"),
    re.compile(r"(?i)\b(?:password|passwd|pwd)\s*=\s*\"([^\"]+)\""),
)
SHORT = (
    4  # characters; a shorter secret stands in half of all words, and is blanked as a word alone
)


class Secrets:
    """Values that nobody may see, by the names that stand in their place."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._names: dict[str, str] = {}  # as they are shown -> the name
        self._words: dict[str, str] = {}
        for name, value in values.items():
            whole = plain(value).strip()
            if whole and len(whole) < SHORT:
                self._words[whole] = name
                continue
            for text in _parts(value):
                for form in map(plain, forms(text)):
                    if form.strip() and len(form) >= SHORT:
                        self._names.setdefault(form, name)
        self._longest_first = sorted(self._names, key=len, reverse=True)
        words = "|".join(map(re.escape, sorted(self._words, key=len, reverse=True)))
        self._word = re.compile(rf"(?<!\w)(?:{words})(?!\w)" if words else "(?!)")

    @property
    def longest(self) -> int:
        """How many characters of a text may be one secret."""
        return max(map(len, (*self._names, *self._words)), default=0)

    def clean(self, text: str) -> str:
        """Return the text without secrets and without what would move a terminal's cursor."""
        text = plain(text)  # first: `grep --color` would tear a secret into parts
        # most lines hold none, and to look for each form is faster than one expression of all
        found = [form for form in self._longest_first if form in text]
        if found:
            pattern = re.compile("|".join(map(re.escape, found)))
            text = pattern.sub(lambda form: f"[{self._names[form[0]]}]", text)
        return self._word.sub(lambda form: f"[{self._words[form[0]]}]", text)

    def clean_all(self, value: Any) -> Any:
        """Return JSON's values with every text in them cleaned."""
        return every_text(value, self.clean)


def _parts(value: str) -> Iterator[str]:
    """Yield what a program may print of a value on its own."""
    for text in (value, *value.splitlines()):  # a private key has many lines
        yield text
        yield text.strip()
    for expression in _PASSWORDS:
        for found in expression.finditer(value):
            yield found[1]
            yield unquote(found[1])


def forms(value: str) -> Iterator[str]:
    """Yield a value as programs print it: in a repr, in JSON, in a URL, for a shell, in HTML, in base64."""
    raw = value.encode("utf-8", "surrogateescape" if _is_from_bytes(value) else "backslashreplace")
    yield value
    yield raw.decode("utf-8", "replace")
    for text in (*_quoted(value), *_quoted(repr(raw)[2:-1], is_escaped=True)):
        yield text
        yield from (
            json.dumps(text)[1:-1],
            repr(text)[1:-1],
        )  # a repr of JSON, JSON in a log of JSON
    yield from _in_urls(raw)
    yield shlex.quote(value).strip("'")
    yield value.replace("'", "'\\''")
    for sign in "'\"%$":  # SQL and YAML, CSV, configparser, docker compose
        yield value.replace(sign, 2 * sign)
    yield re.sub(r'(["\\$`])', r"\\\1", value)  # in double quotes
    yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", value)  # printf %q
    yield from _in_html(value)
    for data in (raw, raw + b"\n"):
        for encoded in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
            yield encoded.decode()
            yield encoded.decode().rstrip("=")
    if not value.isascii():  # bytes of one encoding, read as another
        yield raw.decode("latin-1")
        yield value.encode("latin-1", "replace").decode("utf-8", "replace")


def _quoted(value: str, *, is_escaped: bool = False) -> Iterator[str]:
    """Yield a text as it stands in quotes, of either kind, in Python and in JSON."""
    if is_escaped:
        bodies = [value]
    else:
        # a double quote before it, so that Python takes single ones, and escapes those of the value
        bodies = [written('"' + value)[2:-1] for written in (repr, ascii)]
        bodies += [json.dumps(value, ensure_ascii=only_ascii)[1:-1] for only_ascii in (True, False)]
        bodies.append(re.sub("[<>&']", lambda sign: f"\\u{ord(sign[0]):04X}", bodies[2]))
    for body in bodies:
        bare = body.replace("\\'", "'").replace('\\"', '"')
        yield from (body, bare, bare.replace("'", "\\'"), bare.replace('"', '\\"'))
        yield bare.replace("'", "\\'").replace('"', '\\"')
        yield body.replace("/", "\\/")
        yield re.sub(r"\\u[0-9A-F]{4}", lambda sign: sign[0].lower(), body)


def _in_urls(raw: bytes) -> Iterator[str]:
    # none; a path; encodeURIComponent; encodeURI (MDN)
    for safe in ("", "/", "!'()*~", ";,/?:@&=+$-_.!~*'()#"):
        for written in (quote(raw, safe=safe), quote_plus(raw, safe=safe)):
            yield written
            yield re.sub("%[0-9A-F]{2}", lambda sign: sign[0].lower(), written)


def _in_html(value: str) -> Iterator[str]:
    import html  # not above: it loads the names of all entities, and most runs have no secret

    for quotes in (
        ("&#x27;", "&quot;"),
        ("&#39;", "&#34;"),
        ("&#39;", "&quot;"),
        ("&apos;", "&quot;"),
    ):
        text = html.escape(value, quote=False)
        text = text.replace("'", quotes[0]).replace('"', quotes[1])
        yield text
        yield text.encode("ascii", "xmlcharrefreplace").decode()
    yield html.escape(value, quote=False)


def _is_from_bytes(value: str) -> bool:
    """Tell whether each lone surrogate stands for a byte, as in an environment variable that is not text."""
    return all(not "\ud800" <= sign <= "\udfff" or "\udc80" <= sign <= "\udcff" for sign in value)


def plain(text: str) -> str:
    """Return the text without control characters, except for tabs and newlines; what turns it around is spelt out."""
    if text.isascii() and text.isprintable():  # nearly every text
        return text
    text = _CONTROL.sub("", without_colours(text))
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def every_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return JSON's values with every text in them changed; what that leaves as it was is not copied."""
    if isinstance(value, str):
        return change(value)
    made: object
    if isinstance(value, (list, tuple)):
        made = [every_text(item, change) for item in value]
    elif isinstance(value, Mapping):
        made = {change(str(key)): every_text(item, change) for key, item in value.items()}
    else:
        return value
    return value if type(value) is type(made) and made == value else made
