/* The cart's lines, with a number to change and a way out. */
define(["jquery", "shop/js/store", "shop/js/money", "cart/js/sums"], function ($, store, money, sums) {
  "use strict";

  function row(line) {
    var product = sums.products[line.slug];
    var $number = $("<input type='number' min='0' max='12' class='form-control quantity'>")
      .val(line.quantity)
      .attr("aria-label", gettext("Quantity"))
      .on("change", function () {
        store.set(line.slug, line.glaze, Math.max(0, parseInt(this.value, 10) || 0));
      });
    var $remove = $("<button type='button' class='btn btn-link btn-sm'>")
      .text(gettext("Remove"))
      .on("click", function () {
        store.set(line.slug, line.glaze, 0);
      });
    return $("<tr>").append(
      $("<td>").append($("#image-" + line.slug).clone().removeAttr("id")),
      $("<td>").append(
        $("<div class='name'>").text(product.name),
        $("<div class='text-muted'>").text(line.glaze)
      ),
      $("<td>").append($number),
      $("<td class='text-right'>").text(money.format(product.cents * line.quantity)),
      $("<td class='text-right'>").append($remove)
    );
  }

  function show() {
    var lines = sums.known();
    $("#lines").empty().append(lines.map(row));
    $("#empty").toggleClass("hidden", lines.length > 0).find("p").text(gettext("Your cart is empty."));
    $("#filled").toggleClass("hidden", lines.length === 0);
    sums.show();
  }

  store.onChange(show);
  show();
});
