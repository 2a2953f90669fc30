"""Makes bundles smaller, by the minifier that the project has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fab_static.django_app import cache
from fab_static.django_app.requirejs.driver import CORRECT_IT, Driver, loaded, told, tools

# Package of each minifier, in the order in which one is chosen: oxc takes a fiftieth of uglify-js' time for bundles
# that are 1% larger, and esbuild's are 5% larger (four bundles of 739 kB, as gzip).
PACKAGES = {
    "oxc": "oxc-minify",
    "swc": "@swc/core",
    "uglify-js": "uglify-js",
    "terser": "terser",
    "esbuild": "esbuild",
}
MINIFIERS = ("none", *PACKAGES)


def installed(places: Sequence[str]) -> str | None:
    """Return the minifier that is found from these folders as Node finds packages; None: there is none."""
    folders = list(
        dict.fromkeys(folder for place in places for folder in (Path(place), *Path(place).parents))
    )
    for kind, package in PACKAGES.items():
        if any(
            (folder / "node_modules" / package / "package.json").is_file() for folder in folders
        ):
            return kind
    return None


def minified(
    driver: Driver,
    bundles: Sequence[Mapping[str, Any]],
    minify: str,
    resolve_from: Sequence[str],
    *,
    is_asked: bool,
) -> dict[str, dict[str, Any]]:
    """Return name -> {"code", "map"} of each bundle; those that are not in the cache are minified all at once."""
    if minify == "none":
        return {}
    kept = cache.from_settings()
    keys: dict[str, str] = {}
    found: dict[str, dict[str, Any]] = {}
    if kept is not None:
        places = [kept.name(folder) for folder in resolve_from]
        for bundle in bundles:
            # `name` is in the map, and so is the text
            parts = (minify, places, bundle["name"], bundle["code"])
            keys[bundle["name"]] = cache.digest("minify", tools(), *parts)
            held = kept.get(keys[bundle["name"]])
            if held is not None:
                found[bundle["name"]] = loaded(held)
    lacking = [
        bundle for bundle in bundles if bundle["name"] not in found or (kept and kept.verify)
    ]
    if not lacking:
        return found
    order = {"do": "minify", "resolveFrom": resolve_from, "minify": minify, "bundles": lacking}
    mend = CORRECT_IT if is_asked else f"{CORRECT_IT}; or with another --minify, or --minify none"
    for bundle in driver.ask(order, mend=mend)["bundles"]:
        made = cache.Made(
            json.dumps({"code": bundle["code"], "map": bundle["map"]}).encode(), told(bundle)
        )
        if kept is not None:
            kept.result(keys[bundle["name"]], lambda: made)  # noqa: B023  # called at once
        found[bundle["name"]] = loaded(made.data)
    return found
