#!/usr/bin/env python
"""Copies the sample shop into a folder, its npm packages installed: `python checkout.py FOLDER`.

Tests, benchmarks and the demo each work on a copy of their own. It needs neither Django nor our package.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SHOP = Path(__file__).resolve().parent
MADE = ("node_modules", "staticfiles", ".cache", "resource_versions.y*ml", "__pycache__", "*.pyc")


def install_packages(project: Path = SHOP) -> Path:
    """Run `npm ci` unless what package-lock.json says is installed already; return node_modules.

    Safe to call from several processes at once: one installs, the others wait for it.
    """
    wanted = hashlib.sha256((project / "package-lock.json").read_bytes()).hexdigest()
    packages = project / "node_modules"
    installed = packages / ".installed-from"
    key = hashlib.sha256(str(project).encode()).hexdigest()[:12]
    with Path(tempfile.gettempdir(), f"fab-static-shop-{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.is_file() or installed.read_text() != wanted:
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=project, check=True)
            installed.write_text(wanted)
    return packages


def copy_to(folder: Path) -> Path:
    """Copy the shop to a folder that is not there yet; return it.

    Packages are no hard links: each new link to a file changes the time of its inode, and a build beside this one
    would see that a program of its own has changed while it was read.
    """
    packages = install_packages()
    shutil.copytree(SHOP, folder, ignore=shutil.ignore_patterns(*MADE))
    shutil.copytree(packages, folder / "node_modules", symlinks=True)
    return folder


if __name__ == "__main__":
    copy_to(Path(sys.argv[1]).absolute())
