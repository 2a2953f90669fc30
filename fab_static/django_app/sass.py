"""Compiles SCSS and Sass for django-compressor with Dart Sass: in Node processes that stay, and only what has changed.

In the place of the command `sass` (npm install sass):

    COMPRESS_PRECOMPILERS = [
        ("text/x-scss", "fab_static.django_app.sass.SassFilter"),
        ("text/x-sass", "fab_static.django_app.sass.SassFilter"),
    ]

The output equals that from `sass --no-source-map`, byte for byte. A file's syntax follows from its name: .sass is indented,
.css is plain, all else is SCSS. What stands in a page is indented where its type ends with "sass".

Settings:
    FAB_STATIC_SASS          the folder of the `sass` package; default: node_modules/sass in the project's
                             folder or above it
    FAB_STATIC_SASS_OPTIONS  options of sass.compileString, {"loadPaths": ["node_modules"], "style": "compressed"};
                             default: sass's own
    FAB_STATIC_SASS_TIMEOUT  seconds that a sheet may take; default 120
    FAB_STATIC_SASS_WORKERS  Node processes at once; default 1; compress asks from four threads
"""

from __future__ import annotations

from pathlib import Path, PurePath

from fab_static.django_app.sheets import Language, Sheet, SheetFilter, compiled

SASS = Language(
    name="SCSS",
    package="sass",
    oldest="1.45",
    folder_setting="FAB_STATIC_SASS",
    options_setting="FAB_STATIC_SASS_OPTIONS",
    timeout_setting="FAB_STATIC_SASS_TIMEOUT",
    workers_setting="FAB_STATIC_SASS_WORKERS",
    worker=Path(__file__).with_name("sass_worker.js"),
    # functions or objects in Node, or they write more than the style sheet
    not_here=(
        *("importer", "importers", "functions", "logger", "url", "syntax"),
        *("sourceMap", "sourceMapIncludeSources"),
    ),
    instead="keep sass's command in COMPRESS_PRECOMPILERS, which takes any of its options",
)
_SYNTAXES = {".sass": "indented", ".css": "css"}


class SassFilter(SheetFilter):
    """The precompiler of text/x-scss and text/x-sass."""

    def css(self) -> str:
        """Return the style sheet that the content is the source of."""
        sheet = Sheet(self.content, self.filename, {"syntax": self._syntax()})
        return compiled(SASS, sheet, SASS.options())

    def _syntax(self) -> str:
        if self.filename:
            return _SYNTAXES.get(PurePath(self.filename).suffix, "scss")
        return "indented" if self.mimetype.endswith("sass") else "scss"
