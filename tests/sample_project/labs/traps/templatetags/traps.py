"""A tag that fails when it is told to."""

import os

from django import template

register = template.Library()


@register.simple_tag
def fails_when_told() -> str:
    """Print nothing, or fail: as a tag does that finds in a page's context what it lacks in compress."""
    if os.environ.get("SHOP_LOSE"):
        raise LookupError("SHOP_LOSE is set")
    return ""
