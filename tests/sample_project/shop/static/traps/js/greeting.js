document.getElementById("greeting").textContent = "From shop, which comes first in INSTALLED_APPS.";
