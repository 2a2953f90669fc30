"""Notices whether a block asks for the language, and looks it up in each that visitors may get."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Container

    from fab_static.plan.wire.questions import Place, Untranslated


class Heard:
    """Notices whether something asks for the language: django.utils.translation keeps it in one place."""

    def __init__(self) -> None:
        self.language = False

    def __enter__(self) -> Heard:
        heard = self
        self._names = vars(import_module("django.utils.translation.trans_real"))
        self._active: Any = self._names.get("_active")

        class Active:
            def __getattr__(_, name: str) -> Any:  # noqa: N805
                heard.language = True
                return getattr(heard._active, name)

            def __setattr__(_, name: str, value: object) -> None:  # noqa: N805
                setattr(heard._active, name, value)

            def __delattr__(_, name: str) -> None:  # noqa: N805
                delattr(heard._active, name)

        if self._active is not None:
            self._names["_active"] = Active()
        return self

    def __exit__(self, *_: object) -> None:
        if self._active is not None:
            self._names["_active"] = self._active


def languages() -> tuple[str, ...]:
    """Return the languages that a page may be asked for in, beyond the one that compress speaks."""
    from django.conf import settings

    if not settings.USE_I18N or not any("LocaleMiddleware" in name for name in settings.MIDDLEWARE):
        return ()
    return tuple(code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE)


class Languages:
    """Looks blocks up in each other language that the site speaks."""

    def __init__(self, languages: tuple[str, ...], manifest: Container[str]) -> None:
        self._languages = languages
        self._manifest = manifest
        self._gaps: dict[tuple[object, ...], Untranslated | None] = {}

    def look_up(self, place: Place, rendered: Callable[[], tuple[str, str]], limit: int) -> None:
        """Look a block up as visitors of each other language get it; `limit`: characters of a text told."""
        from django.utils import translation

        for language in self._languages:
            at = (place["engine"], place["template"], place["block"], language)
            if self._gaps.get(at, place) is None:  # another context has it
                continue
            with translation.override(language), suppress(Exception):
                text, key = rendered()
                gap: Untranslated = {
                    **place,
                    "language": language,
                    "key": key,
                    "text": text[:limit],
                }
                self._gaps[at] = None if key in self._manifest else gap

    def untranslated(self) -> list[Untranslated]:
        """Return the blocks that no offline context has built for a language the site speaks."""
        return [gap for gap in self._gaps.values() if gap]
