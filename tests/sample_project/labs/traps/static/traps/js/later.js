document.documentElement.dataset.later = "yes";
