"""The main job, shown: `make demo` deploys the sample shop to five hosts, twice, and rolls back.

Everything is real and on this machine alone: five SSH servers on loopback addresses, each host with its
own folder and key; web processes; origins; and a stand-in for AWS. `KEEP=1 make demo` leaves the site
running.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from demo.fleet import HOSTS, Fleet, FleetError
from fab_static.phases.probe import assets
from fab_static.phases.run.browser import Browser

ROOT = Path(__file__).resolve().parent.parent
SHOP = ROOT / "tests" / "sample_project"
FOLDER = ROOT / ".demo"
LESS = "shop/static/shop/less/_shop/variables.less"
SCRIPT = "shop/static/shop/js/awesome.js"
IMAGE = "shop/static/shop/img/paper.png"


def main() -> int:
    """Run the demo; return its exit code."""
    started = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    tell(
        "Five hosts on this machine: one builds, two serve static files, two render pages. Each has "
        "its own SSH server, key and folder below .demo/hosts/. And a stand-in for AWS."
    )
    try:
        with Fleet(
            FOLDER / "hosts",
            HOSTS,
            project=SHOP,
            server=os.environ.get("SSH_SERVER", "auto"),  # type: ignore[arg-type]  # sshd, asyncssh
            settings="shop.settings",
            app="shop",
        ) as fleet:
            fleet.start_aws()
            tell(f"SSH servers: {fleet.server}; origins: {fleet.nginx}.")
            code = Demo(fleet).run()
            tell(f"The demo took {time.monotonic() - started:.0f} seconds.")
            if code == 0 and os.environ.get("KEEP"):
                keep(fleet)
            return code
    except FleetError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


class Demo:
    """The story: deploy, change three files, deploy again, roll back."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        (FOLDER / "inventories").mkdir()
        fleet.write_inventory(
            FOLDER / "inventories" / "staging.yml",
            app="shop",
            probe={"pages": [f"{fleet.site('web1')}/", f"{fleet.site('web2')}/catalog/"]},
            web={"running": f"http://{{address}}:{fleet.app_port}/static-release"},
        )
        shutil.copy(ROOT / "fabfile.py", FOLDER)
        self.commit("The shop as it is")

    def run(self) -> int:
        """Tell it; return 0 when every step did what it should."""
        tell("1. The first deploy: build on build1, ship to all, make live everywhere at once.")
        self.fab("deploy")
        first = self.page()

        tell(
            "2. Somebody changes a colour in a LESS file, a script, and an image that CSS names, in the "
            "checkout on build1."
        )
        self.change()
        self.fab("plan")
        tell("3. The second deploy: only what changed is sent.")
        self.fab("deploy")
        second = self.page()
        self.fab("status")
        tell(
            "The stylesheet has a new name and the script a new ?version=, so no cache can mix them up. "
            "The image keeps its URL: that one alone CloudFront had to forget:"
        )
        show_change("stylesheet", first["stylesheet"], second["stylesheet"])
        show_change("script    ", first["script"], second["script"])
        for path in self.fleet.invalidations()[-1]:
            print(f"    invalidated   {path}")

        tell("4. It was a mistake. Back to the release before; nothing is built.")
        self.fab("rollback")
        third = self.page()
        self.fab("status")
        show_change("stylesheet", second["stylesheet"], third["stylesheet"])
        show_change("script    ", second["script"], third["script"])
        for path in self.fleet.invalidations()[-1]:
            print(f"    invalidated   {path}")
        self.fab("releases")
        if third != first or second == first:
            tell("The page is NOT what the first deploy made it. That is a bug.")
            return 1
        tell(
            "The page is again what the first deploy made it: same stylesheet, same script, same bytes "
            f"({third['assets']} of its assets were fetched and compared by hash)."
        )
        tell(
            "Where to look: .demo/inventories/staging.yml is the inventory; .demo/hosts/edge1/static/ "
            "is what a static host holds (objects/, releases/, pool/, current); "
            ".demo/hosts/build1/static/log.jsonl is the record."
        )
        return 0

    def fab(self, *words: str) -> None:
        """Run fab as a person would, and show it."""
        print(f"\n$ fab staging {' '.join(words)}", flush=True)
        ran = subprocess.run(
            [str(Path(sys.executable).parent / "fab"), "staging", *words],
            cwd=FOLDER,
            env=os.environ | self.fleet.environment(),
        )
        if ran.returncode:
            raise FleetError(f"fab staging {' '.join(words)} ended with {ran.returncode}")

    def change(self) -> None:
        """Change a LESS variable, a versioned script and an image on the build host."""
        code = self.fleet.hosts["build1"].code
        less, script, image = code / LESS, code / SCRIPT, code / IMAGE
        colour = re.search(r"^@[\w-]+:\s*(#[0-9a-fA-F]{6})\b", less.read_text(), re.M)
        assert colour, f"{LESS} defines no colour"
        less.write_text(less.read_text().replace(colour[1], "#2a6f97"))
        script.write_text(script.read_text() + "\n// changed by the demo\n")
        # a comment chunk behind the picture: other bytes, the same look
        image.write_bytes(image.read_bytes() + b"changed by the demo")
        for path in (LESS, SCRIPT, IMAGE):
            print(f"    changed       {path}")
        self.commit("A colour, a script, an image")

    def commit(self, message: str) -> None:
        """Commit the checkout on the build host, where git is installed: releases name their commit."""
        code = self.fleet.hosts["build1"].code
        git = ["git", "-C", str(code), "-c", "user.name=demo", "-c", "user.email=demo@example.com"]
        if shutil.which("git"):
            for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", message]):
                subprocess.run([*git, *words], check=True)

    def page(self) -> dict[str, str]:
        """Fetch the front page; return its first stylesheet's and the script's URL, and a digest."""
        url = self.fleet.site("web1") + "/"
        html = get(url).decode()
        named = assets(url, html)
        return {
            "stylesheet": next(one for one in named if "CACHE/css/" in one).removeprefix(url[:-1]),
            "script": next(one for one in named if "js/awesome.js" in one).removeprefix(url[:-1]),
            "assets": str(len(named)),
            "sha256": hashlib.sha256(b"".join(get(one) for one in named)).hexdigest(),
        }


def get(url: str) -> bytes:
    """Return the body of a URL that answers 200."""
    with Browser(20) as browser:
        answer = browser.get(url)
    if answer.status != 200:
        raise FleetError(f"{url} answered {answer.status}")
    return answer.body


def keep(fleet: Fleet) -> None:
    """Leave the site running until Ctrl-C."""
    variables = " ".join(f"{key}={json.dumps(value)}" for key, value in fleet.environment().items())
    (FOLDER / "environment").write_text(f"export {variables}\n")
    tell(f"The site runs at {fleet.site('web1')}/ until you press Ctrl-C.")
    tell("To try more, in another terminal: cd .demo && . ./environment && ../.venv/bin/fab --list")
    signal.pause()


def tell(text: str) -> None:
    """Print a paragraph."""
    print("\n" + textwrap.fill(text, 100), flush=True)


def show_change(what: str, old: str, new: str) -> None:
    """Print how one URL of the page changed."""
    print(f"    {what}    {old} -> {new}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
