/* A bar that shows how long a password is. */
jQuery(function ($) {
  "use strict";
  $("#password").on("input", function () {
    var share = Math.min(1, this.value.length / 14);
    $(".strength span")
      .css("width", share * 100 + "%")
      .toggleClass("strong", share === 1);
  });
});
