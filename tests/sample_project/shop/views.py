"""The front page, the page about us, and what a load balancer asks."""

import os

from catalog.products import PRODUCTS
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render


def home(request: HttpRequest) -> HttpResponse:
    """Show the front page."""
    featured = [product for product in PRODUCTS if product.is_featured]
    return render(request, "shop/home.html", {"featured": featured})


def about(request: HttpRequest) -> HttpResponse:
    """Tell who we are."""
    return render(request, "shop/about.html")


def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as this process can answer at all."""
    return JsonResponse({"status": "ok", "release": os.environ.get("SHOP_RELEASE", "")})
