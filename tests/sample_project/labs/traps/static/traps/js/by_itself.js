document.documentElement.dataset.byItself = "yes";
