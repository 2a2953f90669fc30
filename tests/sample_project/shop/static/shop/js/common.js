/* What each RequireJS page has: Bootstrap's menu and the number beside the cart. */
define([
  "jquery",
  "shop/js/store",
  "shop/js/money",
  "bootstrap/js/transition",
  "bootstrap/js/collapse",
  "bootstrap/js/dropdown",
], function ($, store) {
  "use strict";
  function show() {
    $("[data-cart-count]").text(store.count() || "");
  }
  store.onChange(show);
  $(show);
});
