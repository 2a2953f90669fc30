/* Filters and sorts the list without asking the server. */
define(["jquery"], function ($) {
  "use strict";
  var $products = $("#products");
  var $all = $products.children("[data-product]");
  var kind = "";

  function isWanted(words) {
    return function () {
      var $product = $(this);
      var isOfKind = !kind || $product.data("kind") === kind;
      return isOfKind && String($product.data("name")).toLowerCase().indexOf(words) !== -1;
    };
  }

  function show() {
    var words = $("#words").val().trim().toLowerCase();
    var order = $("#order").val();
    var $shown = $all.addClass("hidden").filter(isWanted(words)).removeClass("hidden");
    var inOrder = $all.get();
    if (order) {
      inOrder.sort(function (one, two) {
        var difference = $(one).data("cents") - $(two).data("cents");
        return order === "cheap" ? difference : -difference;
      });
    }
    $products.append(inOrder);
    $("#count").text(
      interpolate(ngettext("%s thing for the table", "%s things for the table", $shown.length), [$shown.length])
    );
    $("#no-match")
      .toggleClass("hidden", $shown.length > 0)
      .text(gettext("Nothing like that has come out of the kiln yet."));
  }

  $("#kinds").on("click", "a", function (event) {
    event.preventDefault();
    kind = $(this).data("kind");
    $("#kinds li").removeClass("active");
    $(this).parent().addClass("active");
    show();
  });
  $("#words").on("input", show);
  $("#order").on("change", show);
  show();
});
