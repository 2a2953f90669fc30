"""The scripts by which browsers find bundles and versioned modules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fab_static.django_app import project
from fab_static.django_app.requirejs.config import Config


def versioned_paths(
    known: Mapping[str, str], aliases: Mapping[str, Any], made: Config
) -> dict[str, str]:
    """Return the URL of each script by its module, and by its alias.

    Args:
        known: the versions of all files.
        aliases: r.js' paths: alias -> module.
        made: the configuration.
    """
    prefix = project.url_prefix() if project.is_cdn_in_blocks() else ""
    urls = {
        name.removesuffix(".js"): f"{prefix}{name}?version={version}"
        for name, version in sorted(known.items())
        if name.endswith(".js") and name != made.versions_name
    }
    for alias, path in sorted(aliases.items()):
        if isinstance(path, str) and path in urls:
            urls[alias] = urls[path]  # else the alias leads to the URL without a version
    return urls


def paths_script(paths: Mapping[str, str], made: Config) -> str:
    """Return the script that tells RequireJS the modules' URLs; without a CDN it takes them from its own.

    Where a script cannot know its URL (it was bundled, or runs in a worker) they are below baseUrl.
    """
    if project.is_cdn_in_blocks():
        return call({"paths": paths})
    return f"""\
(function () {{
var paths = {json.dumps(paths, indent=2)};
var script = document.currentScript;
var end = script ? script.src.lastIndexOf({json.dumps(made.versions_name)}) : -1;
var prefix = end < 0 ? "" : script.src.slice(0, end);
for (var module in paths) {{
  paths[module] = prefix + paths[module];
}}
requirejs.config({{ paths: paths }});
}})();
"""


def call(value: Mapping[str, Any]) -> str:
    """Return the line that configures RequireJS."""
    return f"requirejs.config({json.dumps(value, indent=2)});\n"
