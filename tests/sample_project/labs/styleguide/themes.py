"""The style guide's two themes, each an entry of its own to the style sheets."""

THEMES = {
    "light": "styleguide/less/styleguide.less",
    "dark": "styleguide/less/themes/dark/theme.less",
}


def offline_contexts() -> list[dict[str, str]]:
    """Return the contexts to compress templates in: a block that names a variable has one key for each."""
    return [{"theme_less": less} for less in THEMES.values()]
