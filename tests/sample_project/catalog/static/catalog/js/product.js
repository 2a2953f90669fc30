/* One product: choose a glaze and a number, put it into the cart. */
define(["jquery", "shop/js/store", "shop/js/money"], function ($, store, money) {
  "use strict";
  var product = JSON.parse($("#product").text());
  var glaze = product.glazes[0];
  var $quantity = $("#quantity");

  function quantity() {
    return Math.min(12, Math.max(1, parseInt($quantity.val(), 10) || 1));
  }

  $("#price").text(money.format(product.cents));
  $("#glazes").on("click", ".glaze", function () {
    glaze = $(this).data("glaze");
    $("#glazes .glaze").removeClass("active");
    $(this).addClass("active");
    $("#glaze-name").text(glaze);
  });
  $("[data-step]").on("click", function () {
    $quantity.val(quantity() + $(this).data("step"));
    $quantity.val(quantity());
  });
  $("#add").on("submit", function (event) {
    event.preventDefault();
    store.add(product.slug, glaze, quantity());
    $("#added")
      .removeClass("hidden")
      .text(interpolate(gettext("%(name)s is in your cart."), { name: product.name }, true));
  });
});
