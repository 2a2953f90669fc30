/* The cart: a list of {slug, glaze, quantity} in this browser's storage. */
define([], function () {
  "use strict";
  var KEY = "shop.cart";
  var listeners = [];

  function lines() {
    try {
      return JSON.parse(window.localStorage.getItem(KEY)) || [];
    } catch (error) {
      return [];
    }
  }

  function save(next) {
    window.localStorage.setItem(KEY, JSON.stringify(next));
    listeners.forEach(function (listener) {
      listener(next);
    });
  }

  function isSame(slug, glaze) {
    return function (line) {
      return line.slug === slug && line.glaze === glaze;
    };
  }

  function set(slug, glaze, quantity) {
    var all = lines();
    var line = all.find(isSame(slug, glaze));
    if (line) {
      line.quantity = quantity;
    } else {
      all.push({ slug: slug, glaze: glaze, quantity: quantity });
    }
    save(
      all.filter(function (each) {
        return each.quantity > 0;
      })
    );
  }

  function add(slug, glaze, quantity) {
    var line = lines().find(isSame(slug, glaze));
    set(slug, glaze, quantity + (line ? line.quantity : 0));
  }

  function count() {
    return lines().reduce(function (sum, line) {
      return sum + line.quantity;
    }, 0);
  }

  return {
    add: add,
    clear: function () {
      save([]);
    },
    count: count,
    lines: lines,
    onChange: function (listener) {
      listeners.push(listener);
    },
    set: set,
  };
});
