"""{% load fab_static %}: URLs of static files with their versions, and RequireJS pages.

{% static "shop/js/cart.js" %}     STATIC_CDN + STATIC_URL + name + ?version=; a filter too: {{ name|static }}
{% static_integrity "shop/js/cart.js" %}   sha384-…, for integrity="", or nothing; a filter too
{% static_preload "main" "css/site.css" %}   <link rel=preload …> for all that an entry or a file needs at once
{% cachebuster "shop/js/cart.js" %}   the bare version, or nothing
{% requirejs_main "shop/js/cart" %}   names a page's main module: {{ requirejs_main }} in the base template
{% requirejs_scripts %}               the script elements that start it
"""

from __future__ import annotations

import json

from django import template
from django.conf import settings
from django.template.base import Parser, Token
from django.template.loader_tags import BlockNode
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from fab_static.django_app import project, resource_versions
from fab_static.django_app.preload import preloads
from fab_static.django_app.requirejs.config import config
from fab_static.django_app.requirejs.pages import TAG

register = template.Library()


@register.filter(name="static", is_safe=True)
def static(name: str) -> str:
    """Return the URL of a static file, with its version where it has one.

    A `.less` has none: the tag stands in compress blocks, whose text is the key in the offline manifest.
    """
    return project.url_prefix() + _versioned(name)


def static_in_block(name: str) -> str:
    """Return the URL without the CDN, which then is in no key, and in no file that compress writes."""
    return f"{settings.STATIC_URL}{_versioned(name)}"


def _versioned(name: str) -> str:
    version = None if name.endswith(".less") else resource_versions.version_of(name)
    return name + (f"?version={version}" if version else "")


_compiled = template.Library()
_compiled.simple_tag(static, name="static")
_compiled.simple_tag(static_in_block, name="static_in_block")


@register.tag(name="static")
def compile_static(parser: Parser, token: Token) -> template.Node:
    """Choose at compile time, when alone a tag can know that it stands inside of {% compress %}.

    A filter, an included template or a block that a child overrides cannot; `compress` refuses those.
    """
    is_bare = _is_in_block(parser) and not project.is_cdn_in_blocks()
    node: template.Node = _compiled.tags["static_in_block" if is_bare else "static"](parser, token)
    return node


def _is_in_block(parser: Parser) -> bool:
    return any(command == "compress" for command, _ in parser.command_stack)


@register.filter(name="static_integrity", is_safe=True)
def static_integrity(name: str) -> str:
    """Return the hash of the file that the live release serves, for an `integrity` attribute.

    Nothing where the release has no such file, and outside of a release: a browser then checks nothing.
    """
    return resource_versions.manifests().facts.integrity.get(name, "")


def _nothing(name: str) -> str:  # noqa: ARG001 - the tag's signature
    return ""


_compiled.simple_tag(static_integrity, name="static_integrity")
_compiled.simple_tag(_nothing, name="static_integrity_in_block")


@register.tag(name="static_integrity")
def compile_static_integrity(parser: Parser, token: Token) -> template.Node:
    """Print nothing inside of {% compress %}: it drops the attribute, and its text must never change with a hash."""
    name = "static_integrity_in_block" if _is_in_block(parser) else "static_integrity"
    node: template.Node = _compiled.tags[name](parser, token)
    return node


@register.simple_tag
def static_preload(*names: str, crossorigin: str | None = None) -> SafeString:
    """Return links by which browsers fetch early what pages with these entries or files need."""
    found = preloads(*filter(None, names), crossorigin=crossorigin)
    return mark_safe("\n".join(one.html() for one in found))  # noqa: S308  # html() escapes


@register.simple_tag
def cachebuster(name: str) -> str:
    """Return the version of a static file, or nothing."""
    return resource_versions.version_of(name) or ""


@register.tag(TAG)
def requirejs_main(parser: Parser, token: Token) -> BlockNode:
    """Set the variable requirejs_main to a page's main module, for its base template to load.

    The base template says {% requirejs_main %} above the first use of the variable.
    """
    _, *arguments = token.split_contents()
    if len(arguments) > 1:
        raise template.TemplateSyntaxError(f"{TAG} takes one module at most")
    value = parser.compile_filter(arguments[0]) if arguments else None
    # A block of its own, so that a child template's overrides its base's.
    return BlockNode("__requirejs_main", template.NodeList([_MainNode(value)]))


class _MainNode(template.Node):
    def __init__(self, value: template.base.FilterExpression | None) -> None:
        self.value = value

    def render(self, context: template.Context) -> SafeString:
        if self.value is not None and not context.get(TAG):
            context.dicts[-2][TAG] = self.value.resolve(context)  # outside of the block
        return mark_safe("")


@register.simple_tag(takes_context=True)
def requirejs_scripts(context: template.Context) -> SafeString:
    """Return the script elements that load the page's main module: bundled where built, else file by file."""
    main = context.get(TAG)
    if not main:
        return mark_safe("")
    made = config()
    built = [made.versions_name] if resource_versions.version_of(made.versions_name) else []
    nonce = getattr(context.get("request"), "csp_nonce", None)
    attribute = format_html(' nonce="{}"', str(nonce)) if nonce else ""
    steps = [[each["name"]] for each in made.modules] + [[main]]
    start = "".join(f"requirejs({_json(step)},function(){{" for step in steps) + "})" * len(steps)
    elements = [
        format_html('<script src="{}"></script>', static(made.library)),
        _inline(f"requirejs.config({_json({'baseUrl': project.url_prefix()})});", attribute),
        *(
            format_html('<script src="{}"></script>', static(name))
            for name in [made.config_name, *built]
        ),
        _inline(f"{start};", attribute),
    ]
    return format_html_join("\n", "{}", ((element,) for element in elements))


def _inline(script: str, attribute: str) -> SafeString:
    return format_html("<script{}>{}</script>", attribute, mark_safe(script))  # noqa: S308  # only _json's


def _json(value: object) -> str:
    return json.dumps(value).replace("<", "\\u003c")
