"""Has r.js build all bundles over the whole static root, in place; then minifies bundle by bundle."""

import json
import os
import posixpath
import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.management.base import BaseCommand

from benchmarks.upstream import versions

MAIN = re.compile(r"""{% requirejs_main ["']([^"']+)["'] %}""")


class Command(BaseCommand):
    """Write the bundles, the browser's configuration and the modules' versioned URLs."""

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Build, minify, and add what was written to the versions."""
        project, root = Path(settings.BASE_DIR), Path(settings.STATIC_ROOT)
        known = versions.read()
        config_file = next(root.glob("*/yaml/requirejs.yml"))
        config = yaml.safe_load(config_file.read_text("utf-8"))
        common = [module["name"] for module in config["modules"]]
        config["modules"] += [
            {
                "name": f"{folder}/bundle",
                "create": True,
                "include": sorted(mains),
                "exclude": common,
            }
            for folder, mains in self.mains(project, root).items()
        ]
        (root / "build.js").write_text(f"({json.dumps(config, indent=4)});")
        r_js = "node_modules/requirejs/bin/r.js"
        subprocess.run(["node", r_js, "-o", root / "build.js"], cwd=project, check=True)
        for module in config["modules"]:
            self._minify(project, root / f"{module['name']}.js", known, root)
        name = config["bundlesConfigOutFile"]
        known[name] = versions.of(root / name)
        self._write_urls(posixpath.dirname(name) + "/resource_versions.js", known, root)
        versions.write(known)

    def mains(self, project: Path, root: Path) -> dict[str, set[str]]:
        """Return the folders of main modules that templates name."""
        found = defaultdict(set)
        for folder, folders, names in os.walk(project):
            folders[:] = [
                each
                for each in folders
                if each not in ("node_modules", "partials", "static", root.name)
            ]
            for name in names:
                if name.endswith(".html"):
                    main = MAIN.search(Path(folder, name).read_text("utf-8"))
                    if main and (root / f"{main[1]}.js").is_file():
                        found[posixpath.dirname(main[1])].add(main[1])
        return found

    def _minify(self, project: Path, bundle: Path, known: dict[str, str], root: Path) -> None:
        source_map = f"{bundle.name}.map"
        uglify = "node_modules/uglify-js/bin/uglifyjs"
        subprocess.run(
            [
                *("node", project / uglify, bundle.name, "--compress", "--mangle"),
                *("--source-map", f"url={source_map}", "--output", bundle.name),
            ],
            cwd=bundle.parent,
            check=True,
            stderr=subprocess.DEVNULL,
        )
        version = versions.of(bundle)
        known[str(bundle.relative_to(root))] = version
        if bundle.name != "bundle.js":
            return
        text = bundle.read_text("utf-8")
        versioned = text.replace(
            f"sourceMappingURL={source_map}", f"sourceMappingURL={source_map}?version={version}"
        )
        bundle.write_text(versioned, encoding="utf-8")

    def _write_urls(self, name: str, known: dict[str, str], root: Path) -> None:
        prefix = getattr(settings, "STATIC_CDN", "") + settings.STATIC_URL
        urls = {
            each.removesuffix(".js"): f"{prefix}{each}?version={version}"
            for each, version in known.items()
            if each.endswith(".js")
        }
        text = f"requirejs.config({json.dumps({'paths': urls}, indent=2)});\n"
        (root / name).write_text(text, encoding="utf-8")
        known[name] = versions.of(root / name)
