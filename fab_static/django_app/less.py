"""Compiles LESS for django-compressor: in Node processes that stay, and only what has changed.

One line of settings, in the place of lessc's command:

    COMPRESS_PRECOMPILERS = [("text/less", "fab_static.django_app.less.LessFilter")]

The output is lessc's, byte for byte. What is kept of it, and where, is told in fab_static.django_app.cache.

Settings:
    FAB_STATIC_LESS          the folder of the `less` package; default: node_modules/less in the project's
                             folder or above it
    FAB_STATIC_LESS_OPTIONS  options of less.render, {"math": "always", "paths": [...]}; default: lessc's own
    FAB_STATIC_LESS_TIMEOUT  seconds that a sheet may take; default 120
    FAB_STATIC_LESS_WORKERS  Node processes at once; default 1; compress asks from four threads
"""

from __future__ import annotations

from pathlib import Path

from fab_static.django_app.sheets import Language, Sheet, SheetFilter, compiled

LESS = Language(
    name="LESS",
    package="less",
    oldest="3",
    folder_setting="FAB_STATIC_LESS",
    options_setting="FAB_STATIC_LESS_OPTIONS",
    timeout_setting="FAB_STATIC_LESS_TIMEOUT",
    workers_setting="FAB_STATIC_LESS_WORKERS",
    worker=Path(__file__).with_name("less_worker.js"),
    # functions or objects in Node, or they make lessc write more than the style sheet
    not_here=("plugins", "pluginManager", "filename", "rootFileInfo", "depends", "lint"),
    instead="load plugins in the sheet with @plugin, or keep lessc's command in COMPRESS_PRECOMPILERS",
)
# Options that write the paths of files into the output.
_WRITES_PATHS = ("sourceMap", "dumpLineNumbers")


class LessFilter(SheetFilter):
    """The precompiler of text/less."""

    def css(self) -> str:
        """Return the style sheet that the content is the source of."""
        options = LESS.options()
        paths_matter = any(options.get(name) for name in _WRITES_PATHS)
        return compiled(LESS, Sheet(self.content, self.filename, {}, paths_matter), options)
