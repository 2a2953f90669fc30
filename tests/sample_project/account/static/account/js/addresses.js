/* Copies an address. */
jQuery(function ($) {
  "use strict";
  $("[data-copy]").on("click", function () {
    var text = $(this).siblings("address")[0].innerText;
    if (navigator.clipboard) {
      navigator.clipboard.writeText(text);
    }
    $(this).find(".glyphicon").toggleClass("glyphicon-copy glyphicon-ok");
  });
});
