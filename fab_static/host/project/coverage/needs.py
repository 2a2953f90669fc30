"""What blocks need beyond the offline context: variables that it does not give, the clock, chance."""

from __future__ import annotations

from fab_static.host.project.blocks.parsed import Parsed
from fab_static.host.project.engines.django import Engine, Rendering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Mapping, Sequence

    from fab_static.plan.wire.questions import Place, Unfilled, Varying


class Needs:
    """The needs of every block, and the tags that set the variables."""

    def __init__(self) -> None:
        self.varying: dict[tuple[object, ...], Varying] = {}
        self.set_around: dict[tuple[object, ...], dict[str, str]] = {}  # by pages that include it
        self._unfilled: dict[tuple[object, ...], Unfilled] = {}
        self._given: dict[str, Callable[[str], bool]] = {}

    def are_given_by(self, engine: Engine, contexts: Sequence[Mapping[str, object]]) -> None:
        """Take in the offline contexts of an engine."""
        self._given[engine.kind] = lambda name: any(
            engine.is_given(name, values) for values in contexts
        )

    def watch(
        self,
        once: tuple[object, ...],
        place: Place,
        text: str,
        again: Rendering,
        around: Mapping[str, str],
    ) -> None:
        """Note what a block depends on beyond the offline context: other variables, clock, chance."""
        if again.names:
            told = self._unfilled.setdefault(once, {**place, "variables": [], "set_by": {}})
            told["variables"] = sorted({*told["variables"], *again.names})
            for name in again.names:
                root = name.split(".")[0]
                if root in around:
                    told["set_by"][name] = around[root]
        if again.asked or again.text != text:
            varying = self.varying.setdefault(once, {**place, "asks": []})
            varying["asks"] = sorted({*varying["asks"], *again.asked})

    def set_by_users(self, engine: Engine) -> None:
        """Note which variables of a block the templates set that include or extend its template."""
        for told in self._unfilled.values():
            names = engine.set_for(told["in"]) if told["engine"] == engine.kind else {}
            for name in told["variables"]:
                if name in names:
                    told["set_by"].setdefault(name, names[name])

    def set_by_includes(self, engine: Engine, parsed: Parsed) -> None:
        """Note which variables of a block are set by the tags that include its template."""
        for once, told in self._unfilled.items():
            for name in told["variables"] if once[0] == engine.kind else ():
                tag = self.set_around.get(once, {}).get(name.split(".")[0])
                if tag is not None:
                    told["set_by"].setdefault(name, tag)
                if name.split(".")[0] in parsed.included.get(told["in"], ()):
                    told["set_by"].setdefault(name, "include")

    def unfilled(self) -> list[Unfilled]:
        """Return the blocks that use what no offline context gives: pages that do ask for other keys."""
        found: list[Unfilled] = []
        for told in self._unfilled.values():
            is_given = self._given[told["engine"]]
            names = [name for name in told["variables"] if not is_given(name)]
            if names:
                set_by = {name: tag for name, tag in told["set_by"].items() if name in names}
                found.append({**told, "variables": names, "set_by": set_by})
        return found
