"""Renders a compress block within some of the tags around it, and without the rest of the page."""

from __future__ import annotations

from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator

    from compressor.templatetags.compress import CompressorNode
    from django.template import Context

    from fab_static.host.project.blocks.depends import Noting

_TEXTS_OF_A_LOOP = 50


class Leaf:
    """Renders a block in the place that tags around it give it, and keeps its texts."""

    def __init__(self, block: CompressorNode, context: Noting, outside: Outside) -> None:
        from django.template.base import Node

        leaf = self
        self.texts: list[str] = []

        class Place(Node):
            def render(self, here: Context) -> str:
                sought = {*context.variables, *context.names} - {"forloop", "csrf_token"}
                if sought or len(leaf.texts) == _TEXTS_OF_A_LOOP:
                    raise LookupError(sought)
                with outside.open():
                    leaf.texts.append(block.nodelist.render(here))
                context.variables.clear()
                context.names.clear()
                return ""

        self.node = Place()


class Outside:
    """Keeps tags from databases, caches and other hosts, while they are run for what they hold alone."""

    def __enter__(self) -> Outside:
        import socket

        from django.core.cache import CacheHandler
        from django.db.utils import ConnectionHandler

        self.is_open = False
        self._kept = [
            (kind, name, getattr(kind, name), name in vars(kind))
            for kind, name in (
                (CacheHandler, "__getitem__"),
                (ConnectionHandler, "__getitem__"),
                (socket.socket, "connect"),
            )
        ]
        for kind, name, function, _ in self._kept:
            setattr(kind, name, self._guarded(function))
        return self

    def __exit__(self, *_: object) -> None:
        for kind, name, function, is_own in self._kept:
            if is_own:
                setattr(kind, name, function)
            else:
                delattr(kind, name)

    def _guarded(self, function: Callable[..., object]) -> Callable[..., object]:
        def guarded(*args: object) -> object:
            if not self.is_open:
                raise ConnectionRefusedError("compress runs no tag around a block")
            return function(*args)

        return guarded

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let what the block itself does pass: compress runs that."""
        self.is_open = True
        try:
            yield
        finally:
            self.is_open = False
