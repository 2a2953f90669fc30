define(["shop/js/money"], function (money) {
  document.getElementById("loaded").textContent = "It is here.";
  return money;
});
