"""Whether a value that came from a host has the shape that it should have; and if not, what is wrong with it.

A shape is a TypedDict, or what its keys may be: text, numbers, lists, objects, null. `tuple[str, int]` is a list of
two values, of these shapes: JSON has no other lists.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from itertools import chain
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

LAST_MOMENT = 253_402_300_799  # the end of the year 9999, in seconds since 1970
MOST = 2**63  # no count, and no size, is larger

Moment = Annotated[float, "seconds since 1970"]
Values = Sequence[Any]  # that should all have one shape
Test = Callable[[Values], bool]


def misshapen(shape: Any, value: Any) -> str | None:
    """Return what is wrong with a value that should have a shape, or None if nothing is."""
    # a listing has a hundred thousand values, and words for the place of each take most of the time
    return None if _test_of(shape)([value]) else _problem(shape, value, "")


@cache
def _test_of(shape: Hashable) -> Test:
    """Return a quick test for values that should all have a shape. Where it fails, `_problem` decides, and has the words.

    What stands at one place of all of them is looked at together: Python takes a tenth of the time for it.
    """
    origin, parts = get_origin(shape), get_args(shape)
    if is_typeddict(shape):
        return _test_of_keys(shape)
    if origin in (list, dict):
        kind, item = origin, _test_of(parts[-1])
        return lambda values: (
            _are(kind, values)
            and item([*chain.from_iterable(map(dict.values, values) if kind is dict else values)])
        )
    if origin is tuple:
        return _test_of_places([_test_of(part) for part in parts])
    if origin in (Union, UnionType) and len(parts) == 2 and parts[1] is NoneType:
        some = _test_of(parts[0])
        return lambda values: some([value for value in values if value is not None])
    if shape is str:
        return lambda values: _are(str, values)
    if shape is int:
        return lambda values: (
            _are(int, values) and -MOST < min(values, default=0) <= max(values, default=0) < MOST
        )
    return lambda values: all(_problem(shape, value, "") is None for value in values)


def _are(kind: type, values: Values) -> bool:
    return {*map(type, values)} <= {kind}


def _test_of_keys(shape: Hashable) -> Test:
    def fit(values: Values) -> bool:
        if not _are(dict, values):
            return False
        for key, kind, is_optional in _keys_of(shape):
            found = [value[key] for value in values if key in value]
            if not (is_optional or len(found) == len(values)) or not _test_of(kind)(found):
                return False
        return True

    return fit


def _test_of_places(tests: Sequence[Test]) -> Test:
    def fit(values: Values) -> bool:
        return (
            _are(list, values)
            and {*map(len, values)} <= {len(tests)}
            and all(
                test(column) for test, column in zip(tests, zip(*values, strict=True), strict=False)
            )
        )

    return fit


def _problem(shape: Any, value: Any, at: str) -> str | None:
    if shape is Any:
        return None
    if is_typeddict(shape):
        return _problem_of_keys(shape, value, at)
    origin, parts = get_origin(shape), get_args(shape)
    if origin is Annotated:
        return _problem(parts[0], value, at) or _problem_of_moment(value, at)
    if origin in (Union, UnionType):
        found = [_problem(part, value, at) for part in parts if part is not NoneType]
        return None if value is None or None in found else found[0]
    if origin is list:
        if not isinstance(value, list):
            return _is_not(at, value, "a list")
        items = ((f"{at}[{place}]", item) for place, item in enumerate(value))
        return _first(parts[0], items)
    if origin is tuple:
        return _problem_of_places(parts, value, at)
    if origin is dict:
        if not isinstance(value, dict):
            return _is_not(at, value, "an object")
        return _first(parts[1], ((f"{at}.{key[:80]}", item) for key, item in value.items()))
    return _problem_of_plain(shape, value, at)


def _first(shape: Any, items: Any) -> str | None:
    return next((wrong for at, item in items if (wrong := _problem(shape, item, at))), None)


def _problem_of_places(shapes: tuple[Any, ...], value: Any, at: str) -> str | None:
    if not isinstance(value, list):
        return _is_not(at, value, "a list")
    if len(value) != len(shapes):
        return f"{at or 'it'} has {len(value)} values, not {len(shapes)}"
    items = (
        _problem(shape, item, f"{at}[{place}]")
        for place, (shape, item) in enumerate(zip(shapes, value, strict=True))
    )
    return next(filter(None, items), None)


def _problem_of_keys(shape: Any, value: Any, at: str) -> str | None:
    if not isinstance(value, dict):
        return _is_not(at, value, "an object")
    for key, kind, is_optional in _keys_of(shape):
        place = f"{at}.{key}" if at else key
        if key not in value:
            if not is_optional:
                return f"{place} is missing"
        elif wrong := _problem(kind, value[key], place):
            return wrong
    return None


@cache  # a thousand hosts answer
def _keys_of(shape: Any) -> list[tuple[str, Any, bool]]:
    """Return the keys of a shape: name, shape of the value, and whether it may be missing."""
    found = []
    for key, kind in get_type_hints(shape, include_extras=True).items():
        is_marked = get_origin(kind) is NotRequired
        found.append(
            (key, get_args(kind)[0] if is_marked else kind, is_marked or not shape.__total__)
        )
    return found


def _problem_of_plain(shape: Any, value: Any, at: str) -> str | None:
    word = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}[shape]
    is_right = type(value) is shape or (shape is float and type(value) is int)
    if not is_right or (shape in (int, float) and not -MOST < value < MOST):
        return _is_not(at, value, word)
    return None


def _problem_of_moment(value: float, at: str) -> str | None:
    return None if 0 <= value <= LAST_MOMENT else _is_not(at, value, "a moment of our age")


def _is_not(at: str, value: Any, word: str) -> str:
    kinds = {bool: "true or false", str: "text", list: "a list", dict: "an object"}
    if isinstance(value, float) and not math.isfinite(value):
        shown = str(value)
    elif type(value) in (int, float):
        shown = str(value) if -MOST < value < MOST else "a number of many digits"
    else:
        shown = "null" if value is None else kinds[type(value)]
    return f"{at or 'it'} is {shown}, not {word}"
