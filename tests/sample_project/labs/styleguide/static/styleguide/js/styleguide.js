/* Shows a swatch's real colour. */
jQuery(function ($) {
  "use strict";
  $(".swatch").each(function () {
    $(this).find("span").append($("<code class='pull-right'>").text($(this).find("i").css("background-color")));
  });
});
