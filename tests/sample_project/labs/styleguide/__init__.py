"""Every element of the shop's design on one page, light or dark."""
