"""The report's section on images: each that changed, as it was and as it is now.

An image stands in the page as an <img> with a data: URL, an SVG too: there it runs no script and loads nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from fab_static.plan.pictures import MOST_EACH, Picture, pixels, type_of
from fab_static.report import pieces
from fab_static.report.amounts import size

if TYPE_CHECKING:
    from fab_static.plan.release import File


@dataclass(frozen=True)
class Pictures:
    """The images to show, and their bytes by SHA-256, as far as these could be read."""

    found: Sequence[Picture] = ()
    data: Mapping[str, bytes] = field(default_factory=dict)


def section(pictures: Pictures) -> str:
    """Return the images, before and now, or nothing if there is none to show."""
    figures = "".join(filter(None, (_figure(one, pictures.data) for one in pictures.found)))
    if not figures:
        return ""
    return (
        f'<p class="soft">Images of at most {size(MOST_EACH)}, before and now.</p>'
        f'<div class="pictures">{figures}</div>'
    )


def _figure(picture: Picture, data: Mapping[str, bytes]) -> str:
    sides = (("before", picture.before), ("now", picture.now))
    shown = [_side(name, picture.path, file, data) for name, file in sides if file]
    if not any(shown):
        return ""
    return (
        f'<figure><figcaption>{pieces.path(picture.path)} <span class="soft">{picture.kind}</span></figcaption>'
        f'<div class="sides">{"".join(shown)}</div></figure>'
    )


def _side(name: str, path: str, file: File, data: Mapping[str, bytes]) -> str:
    """Return one side, or nothing if its bytes are not at hand, or are not an image that is safe to show."""
    content = data.get(file.sha256, b"")
    kind = type_of(content)
    if kind is None:
        return ""
    sizes = pixels(content)
    measure = f"{sizes[0]} by {sizes[1]}, " if sizes else ""
    weight = size(file.size).replace(" ", "\u00a0")
    url = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return (
        f'<div><img src="{url}" alt="{escape(path)}, {name}">'
        f'<p class="soft">{name}: {measure}{weight}</p></div>'
    )
