"""Prints the bundles of a webpack entry. Each manifest is read once for each process, as HQ reads it."""

import json
from functools import cache

from django import template
from django.conf import settings
from django.utils.html import format_html_join

register = template.Library()


@cache
def manifest(name):
    return json.loads((settings.BASE_DIR / "webpack/_build" / name).read_text())


def scripts(folder, name, entry):
    bundles = manifest(name).get(entry)
    if bundles is None:
        raise template.TemplateSyntaxError(f"webpack has no entry {entry}")
    urls = ((f"{settings.STATIC_URL}{folder}/{bundle}",) for bundle in bundles)
    return format_html_join("\n", '<script src="{}"></script>', urls)


@register.simple_tag
def js_entry(entry):
    return scripts("webpack", "manifest.json", entry)


@register.simple_tag
def js_entry_b3(entry):
    return scripts("webpack_b3", "manifest_b3.json", entry)
