/* Subtotal, shipping and total of the cart. */
define(["jquery", "shop/js/store", "shop/js/money"], function ($, store, money) {
  "use strict";
  var products = JSON.parse($("#products").text());

  function known() {
    return store.lines().filter(function (line) {
      return products[line.slug];
    });
  }

  function show() {
    var subtotal = known().reduce(function (sum, line) {
      return sum + products[line.slug].cents * line.quantity;
    }, 0);
    var shipping = money.shipping(subtotal);
    $("#sums")
      .empty()
      .append($("<dt>").text(gettext("Subtotal")), $("<dd>").text(money.format(subtotal)))
      .append(
        $("<dt>").text(gettext("Shipping")),
        $("<dd>").text(shipping ? money.format(shipping) : gettext("free"))
      )
      .append(
        $("<dt class='total'>").text(gettext("Total")),
        $("<dd class='total'>").text(money.format(subtotal + shipping))
      );
  }

  return { known: known, products: products, show: show };
});
