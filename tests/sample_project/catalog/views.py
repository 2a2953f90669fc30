"""The list of products and each product's page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.products import BY_SLUG, KINDS, PRODUCTS


def product_list(request: HttpRequest) -> HttpResponse:
    """Show every product; catalog/js/list filters and sorts them in the browser."""
    return render(request, "catalog/list.html", {"products": PRODUCTS, "kinds": KINDS})


def product(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one product and three others of its kind or, where there are too few, of any."""
    if slug not in BY_SLUG:
        raise Http404(f"there is no product {slug}")
    chosen = BY_SLUG[slug]
    others = sorted(
        (other for other in PRODUCTS if other != chosen),
        key=lambda other: other.kind != chosen.kind,
    )
    context = {"product": chosen, "data": chosen.as_json(), "others": others[:3]}
    return render(request, "catalog/product.html", context)
