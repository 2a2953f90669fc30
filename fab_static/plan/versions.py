"""Resource versions: which bytes stand behind each static file's URL.

`resource_versions.yml` (or .yaml) maps a path under the static root to its version. It has one of two forms.
Real projects read both with code of their own:

    - name: "shop/js/cart.js"        the list form
      version: "3f9c2ab"

    "shop/js/cart.js": "3f9c2ab"     the mapping form
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Literal, get_args

import yaml

from fab_static.errors import ManifestError

try:
    from yaml import CBaseLoader as _Loader
except ImportError:  # PyYAML was built without libyaml: the same, five times slower
    from yaml import BaseLoader as _Loader  # type: ignore[assignment]

Form = Literal["list", "mapping"]
FORMS: tuple[Form, ...] = get_args(Form)

_VERSION = re.compile(r"[0-9a-f]{7}")
_REBUILD = "write the file again: manage.py resource_static"
# What YAML forbids in a double-quoted scalar, or reads as something else (yaml.org/spec/1.1, 5.1).
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]')
# A line or two as write() writes them where no name needs an escape.
_PLAIN_NAME = f"([^{_ESCAPED.pattern[1:-1]}]*+)"
_PLAIN = {
    "list": re.compile(rf'- name: "{_PLAIN_NAME}"\n  version: "([0-9a-f]{{7}})"\n'),
    "mapping": re.compile(rf'"{_PLAIN_NAME}": "([0-9a-f]{{7}})"\n'),
}
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


def of(data: bytes) -> str:
    """Return the version of a file with these bytes: the first 7 hex digits of their SHA-1."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()[:7]


def wrong(recorded: Mapping[str, str], served: Mapping[str, str]) -> list[str]:
    """Return the names, sorted, whose recorded version does not follow from the bytes that are served.

    Both map a path under the static root to a version. Names without a file are left out, and LESS, whose
    URLs have no version: CommCare HQ hashes it before its imports are fixed.
    """
    return sorted(
        name
        for name, version in recorded.items()
        if not name.endswith(".less") and served.get(name, version) != version
    )


def is_of_unmapped(version: str, name: str, data: bytes) -> bool:
    """Tell whether it is the version of a bundle as it was before its source map's URL got that version.

    CommCare HQ's build_requirejs hashes a bundle.js, and then writes the hash into the bundle's last line:
    //# sourceMappingURL=bundle.js.map?version=3f9c2ab. So one version still stands for one content.
    """
    if name.rpartition("/")[2] != "bundle.js":
        return False
    line = b"sourceMappingURL=bundle.js.map"
    with_version = line + b"?version=" + version.encode()
    before = re.sub(re.escape(with_version) + rb"$", line, data, flags=re.MULTILINE)
    return of(before) == version


def parse(text: str, *, where: str = "resource_versions.yml") -> dict[str, str]:
    """Read either form. A name that stands twice has its last version, as YAML readers have it.

    Raises:
        ManifestError: not YAML, neither form, or a version that is not 7 hex digits.
    """
    versions: dict[str, str] = {}
    try:
        for name, version in _as_written(text) or _entries(text, where):
            _check(name, version, where)
            versions[name] = version
    except (yaml.YAMLError, ValueError) as error:
        raise ManifestError(
            "the resource versions are not YAML",
            where=_place(where, getattr(error, "problem_mark", None)),
            mend=_REBUILD,
        ) from error
    return versions


def merge(collected: Mapping[str, str], bundled: Mapping[str, str]) -> dict[str, str]:
    """Return the versions that the site serves: collected, with the bundles' own.

    Both map a path under the static root (posix, no leading slash) to its version, the first 7 hex
    digits of the SHA-1 of its bytes: {"shop/js/cart.js": "3f9c2ab"}. A path in both takes the bundled
    version: r.js rewrote that file after resource_static hashed it.
    """
    return {**collected, **bundled}


def write(versions: Mapping[str, str], form: Form = "list") -> str:
    """Return the text of the file: names sorted, every scalar quoted, the same bytes for the same content.

    Written by hand, since PyYAML needs seconds for 10,000 names.

    Raises:
        ManifestError: a name that YAML cannot hold.
    """
    if not versions:
        return "[]\n" if form == "list" else "{}\n"
    names = sorted(versions)
    everything = "".join(names)
    is_plain = not _ESCAPED.search(everything) and not _LONE_SURROGATE.search(everything)
    quoted = names if is_plain else map(_escaped, names)
    lines = zip(quoted, names, strict=True)
    # quoted: a bare 0123456 reads back as an int
    if form == "list":
        return "".join([f'- name: "{at}"\n  version: "{versions[name]}"\n' for at, name in lines])
    return "".join([f'"{at}": "{versions[name]}"\n' for at, name in lines])


def form_of(text: str) -> Form:
    """Return the form a file is in; the list form for an empty one, or for what is not YAML."""
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.MappingStartEvent):
                return "mapping"
            if isinstance(event, (yaml.SequenceStartEvent, yaml.ScalarEvent)):
                break
    except yaml.YAMLError:
        pass  # parse() is the one to complain
    return "list"


def _as_written(text: str) -> list[tuple[str, str]]:
    """Return (name, version) of a text that write() may have written; none of any other.

    It is read so in a fifteenth of the time that YAML takes: 0.01 seconds for 10,000 names.
    """
    for form in _PLAIN.values():
        if form.match(text):
            found: list[tuple[str, str]] = form.findall(text)
            return [] if form.sub("", text) else found
    return []


def _entries(text: str, where: str) -> Iterator[tuple[str, str]]:
    """Yield (name, version) as the file has them, from YAML's events, in which every scalar is text.

    Unquoted, 0123456, 1234567 and 12e4567 are numbers to others. Deeper nesting and aliases are refused
    where they begin: libyaml's composer, which yaml.load runs, crashes the interpreter on the former.
    """
    events = yaml.parse(text, Loader=_Loader)
    for event in events:
        if isinstance(event, yaml.MappingStartEvent):
            yield from _pairs(events, where)
        elif isinstance(event, yaml.SequenceStartEvent):
            for item in events:
                if isinstance(item, yaml.SequenceEndEvent):
                    break
                entry = (
                    dict(_pairs(events, where)) if isinstance(item, yaml.MappingStartEvent) else {}
                )
                if not entry.keys() >= {"name", "version"}:
                    raise _refused(item, where)
                yield entry["name"], entry["version"]
        elif isinstance(event, yaml.NodeEvent) and getattr(event, "value", None) != "":
            raise _refused(event, where)


def _pairs(events: Iterator[yaml.Event], where: str) -> Iterator[tuple[str, str]]:
    """Yield the texts of the mapping that has begun."""
    for key in events:
        if isinstance(key, yaml.MappingEndEvent):
            return
        value = next(events)
        if not isinstance(key, yaml.ScalarEvent) or not isinstance(value, yaml.ScalarEvent):
            raise _refused(key, where)
        yield key.value, value.value


def _refused(event: yaml.Event, where: str) -> ManifestError:
    return ManifestError(
        "the resource versions are neither a list of {name, version} nor a mapping of texts",
        where=_place(where, event.start_mark),
        mend=_REBUILD,
    )


def _check(name: str, version: str, where: str) -> None:
    if not _is_inside(name):
        raise ManifestError(
            f"{name!r} is not a path under the static root", where=where, mend=_REBUILD
        )
    if not _VERSION.fullmatch(version):
        raise ManifestError(
            f"the version of {name} is {version[:100]!r}, not 7 hex digits of a SHA-1",
            where=where,
            mend=_REBUILD,
        )


def _is_inside(name: str) -> bool:
    return not (name.startswith("/") or "\0" in name or {"", ".", ".."} & {*name.split("/")})


def _escaped(name: str) -> str:
    if _LONE_SURROGATE.search(name):
        raise ManifestError(
            f"the name {name!r} is not UTF-8, which YAML cannot hold",
            where="the static root",
            mend="rename the file, or skip it: FAB_STATIC_VERSIONS_SKIP",
        )
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", name)


def _place(where: str, mark: object) -> str:
    line = getattr(mark, "line", None)
    return where if line is None else f"{where}, line {line + 1}"
