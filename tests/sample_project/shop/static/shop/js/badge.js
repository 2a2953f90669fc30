/* The number beside the cart, on pages that do not use RequireJS; shop/js/common does it on the others. */
jQuery(function ($) {
  "use strict";
  var lines = [];
  try {
    lines = JSON.parse(window.localStorage.getItem("shop.cart")) || [];
  } catch (error) {
    lines = [];
  }
  var count = lines.reduce(function (sum, line) {
    return sum + line.quantity;
  }, 0);
  $("[data-cart-count]").text(count || "");
});
