"""django-webpack-loader's manifest, of the live release with no restart.

WEBPACK_LOADER = {"DEFAULT": {"LOADER_CLASS": "fab_static.django_app.webpack.Loader", …}}
"""

from __future__ import annotations

from django.conf import settings
from webpack_loader.loaders import WebpackLoader

from fab_static.django_app.followed import Followed, json_object


class Loader(WebpackLoader):  # type: ignore[misc]  # webpack_loader ships no types
    """Reads the manifest when another release goes live; a request keeps what it began with."""

    def __init__(self, name: str, config: dict[str, object]) -> None:
        super().__init__(name, config)
        self._followed = Followed(str(config["STATS_FILE"]), json_object)

    def get_assets(self) -> object:
        """Return what the manifest says; while the project is developed, what it says at this moment."""
        return self.load_assets() if settings.DEBUG else self._followed.now()
