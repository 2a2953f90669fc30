"""Makes a project of a part of docs/bundlers.md: its files, its settings and its inventory are read from the page."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.integration import plain_project

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "bundlers.md"
PACKAGES = HERE / "node_modules"
SERVED = {  # by gunicorn, as Fleet starts it
    "urls.py": plain_project.FILES["urls.py"]
    + "from django.http import HttpResponse\n"
    + 'urlpatterns.append(path("health", lambda request: HttpResponse("ok")))\n',
    "wsgi.py": "from django.core.wsgi import get_wsgi_application\n"
    "application = get_wsgi_application()\n",
    "package-lock.json": "{}\n",  # read by our `npm ci` alone
}
# counts its runs. `ci` links what `make` has installed from tests/bundlers/package-lock.json: nothing asks the network
NPM = """\
#!/bin/sh
echo "$(basename "$0") $*" >> "{runs}"
case "$*" in
    ci | "install --frozen-lockfile") [ -e node_modules ] || ln -s "{packages}" node_modules; exit ;;
esac
exec "{real}" "$@"
"""
# a paragraph that begins with the name of a file, and the block below it
_FILE = re.compile(r"^`([\w./-]+)`(?:[^\n]|\n(?!\n))*\n\n```\w+\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class HowTo:
    """A part of the page: its files by their names, and the inventory that it shows."""

    files: Mapping[str, str]
    inventory: Mapping[str, Any]

    def write(self, folder: Path, files: Mapping[str, str]) -> Path:
        """Write the project, with other files that the page leaves to its reader."""
        shown = {path: text for path, text in self.files.items() if path != "settings.py"}
        code = plain_project.write(folder, self.files["settings.py"], {**SERVED, **shown, **files})
        os.utime(code / "package-lock.json", (0, 0))  # older than what `make` has installed
        return code


def part(title: str) -> HowTo:
    """Return the part of the page that has this title."""
    (text,) = re.findall(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S
    )
    files = dict(_FILE.findall(text))
    return HowTo(files, yaml.safe_load(files.pop("inventories/staging.yml")))


@dataclass(frozen=True)
class Npm:
    """An `npm` for a build host: the real one, but that it counts its runs and installs nothing."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return what project.environment must hold."""
        return {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "npm_config_update_notifier": "false",
        }

    def runs(self) -> int:
        """Return how often the bundler was started."""
        text = (self.folder / "runs").read_text() if (self.folder / "runs").exists() else ""
        return len([line for line in text.splitlines() if {"build", "webpack"} & {*line.split()}])


def npm(folder: Path) -> Npm:
    """Put an `npm` and a `yarn` into a folder."""
    folder.mkdir(parents=True)
    for name, real in (("npm", shutil.which("npm")), ("yarn", PACKAGES / ".bin/yarn")):
        assert real, "npm is not installed"
        script = folder / name
        script.write_text(NPM.format(runs=folder / "runs", packages=PACKAGES, real=real))
        script.chmod(0o755)
    return Npm(folder)
