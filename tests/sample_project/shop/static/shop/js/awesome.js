/* On every page, outside the bundles: a shadow under the menu once the page is scrolled, and the year. */
(function () {
  "use strict";
  var menu = document.querySelector(".navbar-shop");
  function onScroll() {
    menu.classList.toggle("is-scrolled", window.pageYOffset > 8);
  }
  if (menu) {
    window.addEventListener("scroll", onScroll);
    onScroll();
  }
  document.querySelectorAll("[data-year]").forEach(function (year) {
    year.textContent = new Date().getFullYear();
  });
  document.documentElement.setAttribute("data-awesome", "yes");
})();
