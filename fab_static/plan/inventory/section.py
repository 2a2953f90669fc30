"""One mapping of an inventory: keys read by type, and each problem noted with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from fab_static.plan.inventory.environment import FOLDER
from fab_static.plan.wording import nearest

MAX_NUMBER = 10**15
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DURATION = re.compile(r"([0-9]{1,9})\s*([smhdw]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)\s*(|B|kB|KiB|MB|MiB)", re.IGNORECASE)
_BYTES = {"": 1, "b": 1, "kb": 1000, "kib": 1024, "mb": 1000**2, "mib": 1024**2}
_REQUIRED = object()


class Section:
    """One mapping of the file: its keys are read by type, and what nobody read is unknown."""

    def __init__(
        self, data: Any, place: str, problems: list[str], lines: Mapping[str, int]
    ) -> None:
        self.place = place
        self.present = data is not None
        self.broken = self.present and not isinstance(data, dict)
        self._data: dict[Any, Any] = data if isinstance(data, dict) else {}
        self._read: set[str] = set()
        self._problems = problems
        self._lines = lines
        if self.broken:
            self.problem("", f"must be a mapping of keys, not {shown(data)}")

    def problem(self, key: str, message: str) -> None:
        """Note a problem at this section's key; "" is the section itself."""
        at = self.at(key)
        self._problems.append(f"{at}: {message}" if at else message)

    def at(self, key: str) -> str:
        """Return the place of this section's key, with its line where it stands in the file."""
        place = ".".join(part for part in (self.place, key) if part)
        line = self._lines.get(place) if place else None
        return f"{place} (line {line})" if line else place

    def has(self, key: str) -> bool:
        """Tell whether the key is there, with a value."""
        return self._data.get(key) is not None

    def keys(self) -> Iterator[str]:
        """Yield the keys that are text."""
        for key in self._data:
            if isinstance(key, str):
                yield key
            else:
                self._read.add(str(key))
                self.problem(str(key), f"the name must be text; put it in quotes: '{key}'")

    def section(self, key: str, *, required: bool = False) -> Section:
        """Return the mapping at a key; an empty one where it is absent."""
        self._read.add(key)
        data = self._data.get(key)
        if required and data is None and not self.broken:
            self.problem(key, "is missing")
            data = None
        place = f"{self.place}.{key}" if self.place else key
        return Section(data, place, self._problems, self._lines)

    def close(self) -> None:
        """Report the keys that nobody asked for, with the nearest one that exists."""
        for key in self._data:
            if str(key) not in self._read:
                near = nearest(str(key), self._read)
                known = ", ".join(sorted(self._read))
                hint = f"did you mean `{near}`?" if near else f"the keys here are {known}"
                self.problem(str(key), f"unknown key; {hint}")

    def _get(self, key: str, kinds: tuple[type, ...], words: str, default: Any) -> Any:
        self._read.add(key)
        value = self._data.get(key)
        if value is None:
            if default is _REQUIRED:
                if not self.broken and (self.present or not self.place):
                    self.problem(key, f"is missing; it must be {words}")
                return None
            return default
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.problem(key, f"must be {words}, not {shown(value)}")
            return None if default is _REQUIRED else default
        if isinstance(value, int) and abs(value) > MAX_NUMBER:
            self.problem(key, f"must be {words} of 15 digits at most")
            return None if default is _REQUIRED else default
        return value

    def text(self, key: str, default: Any = None) -> str:
        """Return text; it may be absent only where there is a default."""
        value = self._get(key, (str,), "text", _REQUIRED if default is None else default)
        if value == "":
            self.problem(key, "is empty")
        return str(value) if value is not None else ""

    def optional_text(self, key: str) -> str | None:
        """Return text, or None where it is absent or empty."""
        value = self._get(key, (str,), "text", "")
        return str(value) or None

    def scalar(self, key: str, default: str) -> str:
        """Return text or a whole number, as text."""
        return str(self._get(key, (str, int), "a number or text", default))

    def name(self, key: str) -> str:
        """Return a name that may stand in paths."""
        value = self.text(key)
        if value and not NAME.fullmatch(value):
            self.problem(key, f'"{value}" is not a name: letters, digits, . _ - only, 64 at most')
        return value

    def absolute(self, key: str) -> str:
        """Return a path from / or from the folder of the fabfile, never one that leaves it."""
        value = self.text(key)
        if not value:
            return "/"
        if value != FOLDER and not value.startswith(("/", f"{FOLDER}/")):
            self.problem(key, f'"{value}" is relative; write the whole path from /')
        elif "\0" in value or ".." in value.split("/"):
            self.problem(key, f'"{value}" must not hold ".."')
        elif not value.strip("/"):
            self.problem(key, "must not be the root of the file system; name a folder of its own")
        return str(PurePosixPath(value))

    def integer(self, key: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """Return a whole number within bounds."""
        value = self._get(key, (int,), "a whole number", default)
        if value < least or (most is not None and value > most):
            bounds = f"from {least} to {most}" if most is not None else f"of at least {least}"
            self.problem(key, f"must be a whole number {bounds}, not {value}")
        return int(value)

    def optional_integer(self, key: str, *, least: int, most: int) -> int | None:
        """Return a whole number within bounds, or None where it is absent."""
        return self.integer(key, least, least=least, most=most) if self._note(key) else None

    def _note(self, key: str) -> bool:
        self._read.add(key)
        return self.has(key)

    def number(self, key: str, default: float, *, least: float = 0.001) -> float:
        """Return a number of seconds."""
        value = self._get(key, (int, float), "a number of seconds", default)
        if not least <= value < 1e9:
            bound = "of at least 0" if least == 0 else "above 0"
            self.problem(key, f"must be a number of seconds {bound}, not {shown(value)}")
            return default
        return float(value)

    def optional_number(self, key: str) -> float | None:
        """Return a number of seconds above 0, or None where it is absent."""
        return self.number(key, 1) if self._note(key) else None

    def duration(self, key: str, default: int) -> int:
        """Return the seconds of a time such as 7d."""
        value = self._get(key, (str, int), "a time such as 7d, 12h or 90s", default)
        match = _DURATION.fullmatch(str(value).strip())
        if not match:
            self.problem(key, f'"{value}" is not a time; write 7d, 12h, 30m or 90s')
            return default
        return int(match[1]) * _SECONDS[match[2]]

    def bytes(self, key: str) -> int | None:
        """Return the bytes of a size such as 50kB, or None if it is absent."""
        value = self._get(key, (str, int), "a size such as 50kB or 1.5MB", None)
        if value is None:
            return None
        match = _SIZE.fullmatch(str(value).strip())
        if not match:
            self.problem(key, f'"{value}" is not a size; write 50kB, 1.5MB or 48KiB')
            return None
        return round(float(match[1]) * _BYTES[match[2].lower()])

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        return bool(self._get(key, (bool,), "true or false", default))

    def choice(self, key: str, known: tuple[str, ...], default: str) -> str:
        """Return one of the known words."""
        value = str(self._get(key, (str,), f"one of {', '.join(known)}", default))
        if value not in known:
            self.problem(key, no_such(value, known, "choice", "choices"))
        return value

    def choices(
        self,
        key: str,
        known: tuple[str, ...],
        *,
        what: str,
        default: tuple[str, ...] | None = None,
        may_be_empty: bool = False,
    ) -> tuple[str, ...]:
        """Return a list of known words, none of them twice."""
        values = self.list_of_text(key)
        if not self.has(key):
            if default is None:
                if self.present and not self.broken:
                    self.problem(key, f"is missing; a list of {', '.join(known)}")
                return ()
            return default
        for at, value in enumerate(values):
            if value not in known:
                self.problem(f"{key}[{at}]", no_such(value, known, what, f"{what}s"))
            elif value in values[:at]:
                self.problem(f"{key}[{at}]", f'"{value}" stands there twice')
        if not values and not may_be_empty and isinstance(self._data.get(key), list):
            self.problem(key, f"is empty; name at least one {what}")
        return values

    def list_of_text(self, key: str) -> tuple[str, ...]:
        """Return a list of text."""
        values = self._get(key, (list, str), "a list of text", [])
        if isinstance(values, str):
            self.problem(key, f"must be a list: [{values}]")
            return ()
        for at, value in enumerate(values):
            if not isinstance(value, str):
                self.problem(f"{key}[{at}]", f"must be text, not {shown(value)}")
        return tuple(value for value in values if isinstance(value, str))

    def list_of_sections(self, key: str, what: str) -> Iterator[tuple[str, Section | None]]:
        """Yield the items of a list: text as it is, a mapping as a section."""
        values = self._get(key, (list, str), "a list", [])
        if isinstance(values, str):
            self.problem(key, f"must be a list: [{values}]")
            return
        for at, value in enumerate(values):
            place = f"{self.place}.{key}[{at}]"
            if isinstance(value, dict):
                yield "", Section(value, place, self._problems, self._lines)
            elif isinstance(value, str):
                yield value, None
            else:
                self.problem(
                    f"{key}[{at}]", f"must be the name of {what}, or a mapping, not {shown(value)}"
                )

    def is_wrong(self, key: str) -> bool:
        """Tell whether the value of a key is not a list."""
        return self.has(key) and not isinstance(self._data[key], list)

    def texts(self, key: str) -> dict[str, str]:
        """Read a mapping of names to text; a number is text too, as in an environment variable."""
        section = self.section(key)
        result = {}
        for name in section.keys():  # noqa: SIM118 - not a dict
            section._read.add(name)
            value = section._data[name]
            if not name or "=" in name or "\0" in name:
                section.problem(name, "is not a name of an environment variable")
            elif isinstance(value, bool) or not isinstance(value, str | int | float):
                section.problem(name, f"must be text (in quotes), not {shown(value)}")
            else:
                result[name] = str(value)
        return result


def no_such(value: str, known: tuple[str, ...], what: str, whats: str) -> str:
    """Say that a word is not known, with the nearest one and all that are."""
    near = nearest(value, known)
    guess = f" (did you mean `{near}`?)" if near else ""
    article = "an" if what[0] in "aeiou" else "a"
    return f'"{value}" is not {article} {what}{guess}; the {whats} are {", ".join(known)}'


def shown(value: Any) -> str:
    """Return a value as the reader of the file knows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f'"{value}"' if isinstance(value, str) else str(value)
