"""A customer's pages, with a customer made up."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

ORDERS = (
    {
        "number": "2044",
        "date": "12 November 2026",
        "state": "on its way",
        "label": "info",
        "total": "€78.00",
    },
    {
        "number": "1987",
        "date": "3 October 2026",
        "state": "delivered",
        "label": "success",
        "total": "€56.00",
    },
    {
        "number": "1852",
        "date": "21 June 2026",
        "state": "delivered",
        "label": "success",
        "total": "€142.00",
    },
    {
        "number": "1790",
        "date": "2 May 2026",
        "state": "returned",
        "label": "default",
        "total": "€29.00",
    },
)
ADDRESSES = (
    {"title": "Home", "lines": ("Jana Nowak", "Töpferweg 7", "04229 Leipzig", "Germany")},
    {"title": "Studio", "lines": ("Jana Nowak", "12 rue des Potiers", "75011 Paris", "France")},
)


def sign_in(request: HttpRequest) -> HttpResponse:
    """Show the sign-in form."""
    return render(request, "account/sign_in.html")


def orders(request: HttpRequest) -> HttpResponse:
    """Show the orders."""
    return render(request, "account/orders.html", {"orders": ORDERS})


def addresses(request: HttpRequest) -> HttpResponse:
    """Show the addresses."""
    return render(request, "account/addresses.html", {"addresses": ADDRESSES})
