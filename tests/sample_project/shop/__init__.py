"""The shop: settings, the layout every page shares, the front page."""
