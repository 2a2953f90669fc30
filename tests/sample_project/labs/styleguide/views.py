"""The style guide."""

from catalog.products import PRODUCTS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from labs.styleguide.themes import THEMES

GLAZES = ("indigo", "sea", "sage", "ochre", "rust", "rose", "cream", "charcoal")
ICONS = ("shopping-cart", "user", "globe", "fire", "leaf", "gift", "ok", "list-alt", "home", "copy")


def styleguide(request: HttpRequest) -> HttpResponse:
    """Show the design in the theme that ?theme= names, light unless it says dark."""
    theme = request.GET.get("theme", "light")
    if theme not in THEMES:
        theme = "light"
    context = {
        "theme": theme,
        "theme_less": THEMES[theme],
        "glazes": GLAZES,
        "icons": ICONS,
        "products": PRODUCTS,
    }
    return render(request, "styleguide/styleguide.html", context)
