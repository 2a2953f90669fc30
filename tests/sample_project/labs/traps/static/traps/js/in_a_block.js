document.documentElement.dataset.inABlock = "yes";
