"""Walks every template, renders its compress blocks as compressor does, and notes what it finds."""

from __future__ import annotations

from contextlib import contextmanager, suppress

from fab_static.host.project.coverage.languages import Heard, Languages
from fab_static.host.project.coverage.needs import Needs
from fab_static.host.project.coverage.surrounded import Surrounded
from fab_static.host.project.engines.django import Engine
from fab_static.host.project.engines.pages import Block, Page, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Mapping, Tuple

    from fab_static.plan.wire.questions import (
        Ambiguous,
        BlockPlace,
        Broken,
        Failed,
        Gap,
        Place,
        Rendered,
        WithText,
    )

    Key = Tuple[object, ...]

TEXT_LIMIT = 20_000  # characters of a block told


class Walk:
    """What a walk through all templates finds."""

    def __init__(
        self,
        manifest: Mapping[str, str],
        languages: tuple[str, ...] = (),
        other_cdn: str | None = None,
    ) -> None:
        self.manifest = manifest
        self.other_cdn = other_cdn
        self.needs = Needs()
        self.languages = Languages(languages, manifest)
        self.surrounded = Surrounded(manifest)
        self.templates = 0
        self.blocks = 0
        self.missing: list[Gap] = []
        self.failed: list[Failed] = []
        self.broken: list[Broken] = []
        self.with_cdn: list[WithText] = []
        self.rendered: list[Rendered] = []
        self.texts: dict[str, str] = {}
        self.met: set[Key] = set()
        self._forms: dict[str, dict[tuple[str | None, ...], Place]] = {}
        self._failed: set[Key] = set()
        self._watched: set[Key] = set()

    def through(self, engine: Engine, contexts: list[dict[str, object]]) -> None:
        """Walk all templates of one engine."""
        self.needs.are_given_by(engine, contexts)
        self.templates += walk(engine, contexts, self._look_up_all, self._is_broken)

    def _look_up_all(self, page: Page) -> None:
        own, included = page.blocks()
        for block in included:
            self.needs.set_around.setdefault(block.once, {}).update(block.around.names)
            self._surround(block)
        for block in own:
            self.blocks += 1
            self.met.add(block.met)
            self._look_up(block)

    def _look_up(self, block: Block) -> None:
        try:
            with Heard() as heard:
                text, key = block.rendered()
            if self.other_cdn is not None and key not in self.texts:
                with static_cdn(self.other_cdn):
                    if block.rendered()[0] != text:
                        self.with_cdn.append({**block.place, "text": text[:TEXT_LIMIT]})
        except Exception as error:  # what a page would answer 500 with
            self._has_failed(block, f"{type(error).__name__}: {error}")
            return
        if key not in self.texts and key not in self.manifest:
            self.missing.append({**block.place, "key": key, "text": text[:TEXT_LIMIT]})
        self.texts[key] = text[:TEXT_LIMIT]
        self.rendered.append({**block.place, "key": key})
        self.surrounded.is_at(block.once, block.place)
        self._surround(block)
        self._watch(block, text, key)
        self._forms.setdefault(key, {}).setdefault(block.page.engine.form(block.node), block.place)
        if heard.language:
            self.languages.look_up(block.place, block.rendered, TEXT_LIMIT)

    def _surround(self, block: Block) -> None:
        page = block.page
        self.surrounded.look_up(
            page.engine,
            block.once,
            page.template,
            page.number,
            page.values,
            block.node,
            block.around,
        )

    def _watch(self, block: Block, text: str, key: str) -> None:
        """Render a block once more, and note what it needs; once for the same block of many pages."""
        page = block.page
        if (*block.once, page.number, key) not in self._watched:
            self._watched.add((*block.once, page.number, key))
            with suppress(Exception):  # it did not fail the first time
                again = page.engine.again(page.template, page.values, page.context, block.node)
                self.needs.watch(block.once, block.place, text, again, block.around.names)

    def _has_failed(self, block: Block, told: str) -> None:
        at = (block.page.engine.kind, block.page.name, block.place["block"], told)
        if at not in self._failed:
            self._failed.add(at)
            self.failed.append({**block.place, "error": told})

    def _is_broken(self, engine: Engine, name: str, error: Exception) -> None:
        """Note a template that cannot be parsed, with whether that matters."""
        self.broken.append(
            {
                "engine": engine.kind,
                "template": name,
                "error": f"{type(error).__name__}: {error}",
                "has_compress": engine.has_compress(name),
            }
        )

    def places(self) -> list[BlockPlace]:
        """Return each block of a template once, however many pages render it, with its keys."""
        found: dict[Key, BlockPlace] = {}
        met: set[Key] = set()
        for each in self.rendered:
            at = (each["in"], each["line"], each["context"])
            page = (each["engine"], each["template"])
            number = 0  # several may stand in one line
            while (*page, *at, number) in met:
                number += 1
            met.add((*page, *at, number))
            place: BlockPlace = {
                "in": each["in"],
                "line": each["line"],
                "block": each["block"],
                "context": each["context"],
                "keys": {},
            }
            known = found.setdefault((*at, number), place)
            known["block"] = min(known["block"], each["block"])
            template = known["keys"].setdefault(each["key"], each["template"])
            known["keys"][each["key"]] = min(template, each["template"])
        return list(found.values())

    def ambiguous(self) -> list[Ambiguous]:
        """Return blocks of one text, and so one key, that ask for different output.

        compress keeps what it made first, by chance: a page may get a link in place of inline code.
        """
        return [
            {
                "key": key,
                "blocks": [
                    {**place, "form": " ".join(str(word) for word in form if word)}
                    for form, place in forms.items()
                ],
            }
            for key, forms in self._forms.items()
            if len(forms) > 1
        ]


@contextmanager
def static_cdn(value: str) -> Iterator[None]:
    """Render as if STATIC_CDN were another one."""
    from django.conf import settings

    before = getattr(settings, "STATIC_CDN", "")
    settings.STATIC_CDN = value
    try:
        yield
    finally:
        settings.STATIC_CDN = before
