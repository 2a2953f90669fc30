"""Notices what the text of a block depends on: variables, the clock, chance."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import Dict, cast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Iterator, Mapping

    from django.template import Context, Node, Variable
    from jinja2 import Environment

    class Noting(Context):
        """A context that notes what is looked for and not there."""

        variables: set[str]  # as templates write them: request.GET.staff
        names: set[str]  # as tags ask for them: request


# modules whose own use of the clock or of chance changes no text
_UNHEARD = (
    "logging",
    "threading",
    "tempfile",
    "django.core.cache",
    "django.core.files",
    "django.db",
)
_CLOCKS = {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime"}  # of the module time
_CHANCE = {"urandom", "getrandbits", "random", "_generate_time_safe", "generate_time_safe"}


class Asked:
    """Notices whether something asks the clock or chance: what it prints is another text another time."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __enter__(self) -> Asked:
        self._before = sys.getprofile()
        sys.setprofile(self._hear)
        return self

    def _hear(self, frame: FrameType, event: str, function: object) -> None:
        if event != "c_call":
            return
        name, owner = getattr(function, "__name__", ""), getattr(function, "__self__", None)
        if name in _CLOCKS:
            told = f"time.{name}" if owner is sys.modules.get("time") else ""
        elif name in ("now", "utcnow", "today"):
            is_clock = isinstance(owner, type) and hasattr(owner, "isoformat")
            told = f"{owner.__name__}.{name}" if is_clock else ""  # type: ignore[union-attr]
        elif name in _CHANCE:
            module = getattr(function, "__module__", None) or type(owner).__module__
            told = "random" if module in ("random", "_random", "posix", "nt", "_uuid") else ""
        else:
            return
        if told and not str(frame.f_globals.get("__name__")).startswith(_UNHEARD):
            self.names.add(told)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)


class NotingDict(Dict[str, object]):
    """A dict that adds to `names` what is looked for and not there."""

    def __init__(self, values: Mapping[str, object], names: set[str]) -> None:
        super().__init__(values)
        self.names = names

    def __missing__(self, key: str) -> object:
        self.names.add(str(key))
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        is_there = super().__contains__(key)
        if not is_there:
            self.names.add(str(key))
        return is_there

    def get(self, key: str, otherwise: object = None) -> object:
        """Return a value, as a dict does."""
        return super().get(key, otherwise) if key in self else otherwise


_noting: list[Callable[[object], Noting]] = []  # the class, made when Django is there


def noting_context(values: object) -> Noting:
    """Return a Django context that notes in `variables` and `names` what is looked for and not there."""
    if _noting:
        return _noting[0](values)
    from django.template import Context, Variable, VariableDoesNotExist

    class Kept(Context):
        def __init__(self, values: object) -> None:
            self.variables: set[str] = set()
            self.names: set[str] = set()
            super().__init__(values)

        def __getitem__(self, key: int | str | Node) -> object:
            try:
                return super().__getitem__(key)
            except KeyError:
                self.names.add(str(key))
                raise

        def __contains__(self, key: int | str | Node) -> bool:
            is_there = super().__contains__(key)
            if not is_there:
                self.names.add(str(key))
            return is_there

        def get(self, key: int | str | Node, otherwise: object = None) -> object:
            return super().get(key, otherwise) if key in self else otherwise

        def flatten(self) -> Any:
            return NotingDict(cast("Mapping[str, object]", super().flatten()), self.names)

        @property
        def request(self) -> object:  # pages' contexts have the attribute, compress's have not
            self.names.add("request")
            raise AttributeError("request")

    resolve = Variable.resolve

    def resolving(variable: Variable, context: Context) -> object:
        try:
            return resolve(variable, context)
        except VariableDoesNotExist:
            if isinstance(context, Kept):
                context.variables.add(str(variable.var))
            raise

    setattr(Variable, "resolve", resolving)  # noqa: B010  # a method of another class
    _noting.append(cast("Callable[[object], Noting]", Kept))
    return _noting[0](values)


@contextmanager
def noting_undefined(environment: Environment, names: set[str]) -> Iterator[None]:
    """Add to `names` what Jinja2 looks for meanwhile and does not find; an attribute with a dot before it."""
    from jinja2.utils import missing

    kind: Any = environment.undefined

    class Noting(kind):  # type: ignore[misc]  # whatever class the project has chosen
        __slots__ = ()

        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)
            name = self._undefined_name
            if name is not None:
                names.add(f"{name}" if self._undefined_obj is missing else f".{name}")

    environment.undefined = Noting
    try:
        yield
    finally:
        environment.undefined = kind
