"""The part of nginx's configuration that sends deltas (dcz, RFC 9842) and zstd: stock nginx knows neither.

Both stand in folders of their own, under the names of their files: so the type follows from the name, as usual. A
browser says what it takes, and which bytes it holds. Maps turn that into the name of a folder. A location looks
there first; where it finds nothing, the ordinary location answers.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from fab_static.plan.deltas import AFTER, HASH, KINDS
from fab_static.plan.precompressed import KINDS as COMPRESSED

MOST_SLASHES = 8  # in a SHA-256 in base64: one of 30 million has more, and gets no delta
BASE64 = "A-Za-z0-9+"  # without the slash
MOST_SPECIAL = 4  # characters of a file's name that mean something in a URL pattern
# of a URL's last part: what stands for itself in a URL pattern (URL Pattern Standard), and what needs a \ before it
PLAIN, SPECIAL = r"[A-Za-z0-9._~!$&',;=@%-]", r"[*+:()]"
END = r"(?:\?|$)"  # of a URL's path
OK = "~^(200|206|304)"


@dataclass(frozen=True)
class Extra:
    """What nginx sends beyond gzip and br; `name` begins the names of its variables."""

    name: str
    deltas: bool
    zstd: bool

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return self.deltas or self.zstd

    def maps(self) -> str:
        """Return the maps: where to look, what is found there, and what browsers are told."""
        name = self.name
        vary = "Accept-Encoding, Available-Dictionary" if self.deltas else "Accept-Encoding"
        return f"""\
{self._held() if self.deltas else ""}{self._zstd() if self.zstd else ""}\
# only the live release says what stands behind a name without a version
map ${name}_version ${name}_live {{
    none current;
    default -;
}}
map $uri ${name}_encoding {{
    "~^/(?:pool|current)/dcz/" dcz;
    "~^/(?:pool|current)/zst/" zstd;
    default "";
}}
map $uri ${name}_vary {{
    "{_ending_in(KINDS)}" "{vary}";
    "{_ending_in(COMPRESSED)}" Accept-Encoding;
    default "";
}}
{self._dictionary() if self.deltas else ""}"""

    def places(self) -> str:
        """Return where to look, in this order: for a version's bytes, for a name that is kept for good, for another."""
        name, found = self.name, []
        if self.deltas:
            found.append(f"dcz/${{{name}_dcz}}")
        if self.zstd:
            found.append(f"${{{name}_zst}}")
        return " ".join(
            f"/{place}/${name}_path"
            for folder in found
            for place in (
                f"pool/{folder}/${{{name}_version}}",
                f"pool/{folder}/named",
                f"${{{name}_live}}/{folder}",
            )
        )

    def cache(self, immutable: str) -> str:
        """Return lines of the map of Cache-Control: how long caches may keep what is found there."""
        pool = "/pool/(?:dcz/[^/]+|zst)"
        return f"""\
    "{OK} [0-9a-f]{{7}} {pool}/[0-9a-f]{{7}}/" "{immutable}";
    "{OK} none {pool}/named/" "{immutable}";
"""

    def headers(self) -> str:
        """Return the lines of what every answer says, too."""
        told = f"        add_header Use-As-Dictionary ${self.name}_dictionary;\n"
        return f"        add_header Vary ${self.name}_vary;\n{told if self.deltas else ''}"

    def _held(self) -> str:
        name = self.name
        lines = "".join(
            f'    "~^:(?=[{BASE64}/]{{43}}=:$){"/".join([f"([{BASE64}]*)"] * count)}=:$" '
            f'"{"_".join(f"${at}" for at in range(1, count + 1))}";\n'
            for count in range(1, MOST_SLASHES + 2)
        )
        return f"""\
# what a browser holds, as the name of a folder: base64 has a / among its letters, and the name has a _ for it
map $http_available_dictionary ${name}_held {{
    default -;
{lines}}}
# a browser that asks for a part of a file gets no part of a delta
map "$http_range $http_accept_encoding" ${name}_dcz {{
    default -;
    "{_takes("dcz")}" ${name}_held;
}}
"""

    def _zstd(self) -> str:
        return f"""\
map "$http_range $http_accept_encoding" ${self.name}_zst {{
    default -;
    "{_takes("zstd")}" zst;
}}
"""

    def _dictionary(self) -> str:
        """Return the maps of what the browser is told: for which URLs an answer may be a dictionary.

        The pattern is relative to the URL: so it is right whatever stands before the path on a CDN. In the name
        of what is kept for good, the hash is any text.
        """
        name = self.name
        own = "".join(
            f'    "~^[^?]*/{special.join([f"({PLAIN}*)"] * count)}{END}" '
            f"'match=\"{_escaped(count)}\"';\n"
            for count in range(1, MOST_SPECIAL + 2)
            for special in [f"({SPECIAL})"]
        )
        return f"""\
# quoted as a structured field wants it (RFC 8941): \\\\ stands for one \\
map $request_uri ${name}_own {{
    default "";
{own}}}
map $request_uri ${name}_alike {{
    default ${name}_own;
    "~^[^?]*/({PLAIN}+[-._]){HASH}({AFTER}){END}" 'match="$1*$2"';
}}
map $uri ${name}_dictionary {{
    default "";
    "~^/pool/(?:dcz/[^/]+/|zst/)?named~?/.*{_ending_in(KINDS)[2:]}" ${name}_alike;
    "{_ending_in(KINDS)}" ${name}_own;
}}
"""


def _escaped(count: int) -> str:
    r"""Return the captures of a name's parts, with \ before each of the special characters between them."""
    parts = [f"${at}" for at in range(1, 2 * count)]
    return "".join(rf"\\\\{part}" if at % 2 else part for at, part in enumerate(parts))


def _takes(coding: str) -> str:
    """Return the pattern of an empty Range and an Accept-Encoding that names a coding, and not with q=0."""
    return rf"~*^ (?:.*,)?\s*{coding}\s*(?:;\s*q=(?:1(?:\.0*)?|0?\.\d*[1-9]\d*)\s*)?(?:,|$)"


def _ending_in(kinds: Collection[str]) -> str:
    """Return the pattern of files of these kinds."""
    return rf"~*\.(?:{'|'.join(re.escape(kind[1:]) for kind in kinds)})$"
