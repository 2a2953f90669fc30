"""The blocks that are another text on pages, because of a tag around them."""

from __future__ import annotations

from contextlib import suppress

from fab_static.host.project.blocks.around import Around
from fab_static.host.project.engines.django import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Container, Mapping, Tuple

    from compressor.templatetags.compress import CompressorNode

    from fab_static.plan.wire.questions import Place, Unfilled
    from fab_static.plan.wire.questions import Surrounded as Told

    Key = Tuple[object, ...]


class Surrounded:
    """Looks each block up as the tags around it have pages render it."""

    def __init__(self, manifest: Container[str]) -> None:
        self._manifest = manifest
        self._looked_up: set[Key] = set()
        self._placed: dict[Key, Place] = {}
        self._found: dict[Key, tuple[Key, str, str]] = {}

    def is_at(self, once: Key, place: Place) -> None:
        """Note where a block stands that compress builds."""
        self._placed.setdefault(once, place)

    def look_up(
        self,
        engine: Engine,
        once: Key,
        template: Any,
        number: int,
        values: Mapping[str, object],
        node: CompressorNode,
        around: Around,
    ) -> None:
        """Look a block up, once in each offline context and each surrounding."""
        from compressor.cache import get_offline_hexdigest

        at = (*once, number, around.place)
        if at in self._looked_up:
            return
        self._looked_up.add(at)
        with suppress(Exception):  # a block that fails is told
            found = engine.otherwise(
                template,
                values,
                node,
                around,
                lambda text: get_offline_hexdigest(text) in self._manifest,
            )
            if found is not None:
                self._found.setdefault((*once, found[0]), (once, *found))

    def found(self, unfilled: list[Unfilled], limit: int) -> list[Told]:
        """Return the blocks that are another text within a tag around them.

        Args:
            unfilled: blocks that need variables; those whose variables the tag sets are told there.
            limit: characters of a text.
        """
        set_by = [(told["in"], told["line"]) for told in unfilled if told["set_by"]]
        return [
            {**self._placed[once], "tag": tag, "text": text[:limit]}
            for once, tag, text in self._found.values()
            if once in self._placed
            and (self._placed[once]["in"], self._placed[once]["line"]) not in set_by
        ]
