requirejs.config({
  paths: {
    jquery: "jquery/dist/jquery",
  },
  shim: {
    "bootstrap/js/transition": { deps: ["jquery"] },
    "bootstrap/js/collapse": { deps: ["jquery", "bootstrap/js/transition"] },
    "bootstrap/js/dropdown": { deps: ["jquery"] },
  },
});
