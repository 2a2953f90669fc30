document.getElementById("greeting").textContent = "From labs.traps, whose file is passed over.";
