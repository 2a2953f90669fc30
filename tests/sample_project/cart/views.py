"""The cart and the checkout: the server knows the prices, the browser what is in the cart."""

from catalog.products import PRODUCTS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def cart(request: HttpRequest) -> HttpResponse:
    """Show the cart; cart/js/cart fills it."""
    return render(request, "cart/cart.html", _context())


def checkout(request: HttpRequest) -> HttpResponse:
    """Show the order form; cart/js/checkout checks it."""
    return render(request, "cart/checkout.html", _context())


def _context() -> dict[str, object]:
    return {
        "products": PRODUCTS,
        "data": {product.slug: product.as_json() for product in PRODUCTS},
    }
