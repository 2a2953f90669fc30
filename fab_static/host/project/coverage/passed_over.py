"""The blocks that Django's parser has met and the walk has not: compress has not built them."""

from __future__ import annotations

from fab_static.host.project.blocks.parsed import Noted, Parsed
from fab_static.host.project.compressor import compressor_setting
from fab_static.host.project.coverage.walk import TEXT_LIMIT, Walk
from fab_static.host.project.engines.django import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.plan.wire.questions import HandedOver
    from fab_static.plan.wire.questions import PassedOver as Told


class PassedOver:
    """Blocks that compress passes over, and tags that hand it the text of many templates."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self.blocks: list[Told] = []
        self.handed_over: list[HandedOver] = []

    def account_for(
        self, engine: Engine, contexts: list[dict[str, object]], parsed: Parsed
    ) -> None:
        """Look for the blocks that were parsed and that no walk has met."""
        broken = {each["template"] for each in self._walk.broken}
        is_offline = compressor_setting("COMPRESS_ENABLED") and compressor_setting(
            "COMPRESS_OFFLINE"
        )
        handed = parsed.handed.values() if is_offline else ()
        for noted in [*parsed.blocks.values(), *handed]:
            if not (
                noted.place in self._walk.met or noted.template in broken or noted.is_dead(contexts)
            ):
                self._note(engine, contexts, noted)

    def _note(self, engine: Engine, contexts: list[dict[str, object]], noted: Noted) -> None:
        if noted.node is None:
            self.handed_over.append(
                {
                    "engine": engine.kind,
                    "template": noted.template,
                    "in": noted.template,
                    "line": noted.line,
                    "tag": noted.tag,
                }
            )
        elif noted.node.is_offline_compression_enabled(forced=False):
            self._walk.blocks += 1
            gap = self._gap(engine, contexts, noted)
            if gap is not None:
                self.blocks.append(gap)

    def _gap(self, engine: Engine, contexts: list[dict[str, object]], noted: Noted) -> Told | None:
        """Return the first text of a block that has no key in the manifest, or why it renders none."""
        from compressor.cache import get_offline_hexdigest
        from django.template import Context, Template

        gaps: list[Told] = []
        for number, values in enumerate(contexts):
            gap: Told = {
                "engine": engine.kind,
                "template": noted.template,
                "in": noted.template,
                "line": noted.line,
                "tag": noted.tag,
                "context": number,
            }
            context = Context(engine.parser.get_init_context(values))
            try:
                template = noted.template_of() or Template("")
                text = engine.parser.render_nodelist(template, context, noted.node)
                key = get_offline_hexdigest(text)
            except Exception as error:  # what a page would answer 500 with
                gap["error"] = f"{type(error).__name__}: {error}"
                gaps.append(gap)
                continue
            self._walk.texts[key] = text[:TEXT_LIMIT]
            if key not in self._walk.manifest:
                gap["key"], gap["text"] = key, text[:TEXT_LIMIT]
                gaps.append(gap)
        return gaps[0] if gaps else None
