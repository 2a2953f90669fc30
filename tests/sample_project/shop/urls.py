"""Every page of the shop."""

from account import views as account
from cart import views as cart
from catalog import views as catalog
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog
from labs.styleguide import views as styleguide
from labs.traps import views as traps

from fab_static.django_app.views import running
from shop import views

urlpatterns = [
    path("", views.home, name="home"),
    path("about/", views.about, name="about"),
    path("health", views.health, name="health"),
    path("static-release", running, name="static-release"),  # which release this process has read
    path("catalog/", catalog.product_list, name="list"),
    path("catalog/<slug:slug>/", catalog.product, name="product"),
    path("cart/", cart.cart, name="cart"),
    path("checkout/", cart.checkout, name="checkout"),
    path("account/", account.sign_in, name="account"),
    path("account/orders/", account.orders, name="orders"),
    path("account/addresses/", account.addresses, name="addresses"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("traps/", traps.index, name="traps"),
    path("traps/<slug:slug>/", traps.trap, name="trap"),
    path("jsi18n/", JavaScriptCatalog.as_view(), name="jsi18n"),  # development has no compiled ones
    path("i18n/", include("django.conf.urls.i18n")),
]
