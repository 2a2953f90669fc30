/* Prices as people write them. */
define([], function () {
  "use strict";
  var FREE_FROM = 8000;
  var SHIPPING = 590;

  function format(cents) {
    return new Intl.NumberFormat(document.documentElement.lang || "en", {
      style: "currency",
      currency: "EUR",
    }).format(cents / 100);
  }

  function shipping(cents) {
    return cents === 0 || cents >= FREE_FROM ? 0 : SHIPPING;
  }

  return { format: format, shipping: shipping };
});
