/* The order form: says what is missing, then thanks. */
define(["jquery", "shop/js/store", "cart/js/sums"], function ($, store, sums) {
  "use strict";

  function problem(field) {
    if (!field.value.trim()) {
      return gettext("Please fill this in.");
    }
    if (field.type === "email" && !/^\S+@\S+\.\S+$/.test(field.value)) {
      return gettext("This is no e-mail address.");
    }
    return "";
  }

  function check(field) {
    var text = problem(field);
    $(field).closest(".form-group").toggleClass("has-error", Boolean(text)).find(".help-block").text(text);
    return !text;
  }

  $("#order").on("blur", "input", function () {
    check(this);
  });
  $("#order").on("submit", function (event) {
    event.preventDefault();
    var isComplete = $("#order input")
      .get()
      .map(check)
      .every(Boolean);
    if (isComplete) {
      store.clear();
      $("#order").addClass("hidden");
      $("#thanks").removeClass("hidden").text(gettext("Thank you! We are packing your pots in straw."));
    }
  });
  sums.show();
});
