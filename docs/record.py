"""Records a deploy, a look and a rollback as docs/deploy.svg: `make recording`. Needs what `make demo` needs.

All that the picture shows was printed by `fab`, in a terminal of its own, on the demo's fleet. termtosvg draws it.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "deploy.svg"
COLUMNS, ROWS = 100, 28
COMMANDS = ("fab staging deploy", "fab staging status", "fab staging rollback")
SHORTEST_FRAME, LONGEST_FRAME, END = 600, 2000, 6000  # milliseconds
DOLLAR = r"\033[32m$\033[0m "


def main() -> None:
    """Start a fleet with a release that is live, change the shop, and record."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "sample_project")]
    import checkout

    from demo.fleet import HOSTS, Fleet

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = checkout.copy_to(folder / "project")
        with Fleet(
            folder / "hosts", HOSTS, project=project, settings="shop.settings", app="shop"
        ) as fleet:
            fleet.start_aws()
            fleet.write_inventory(
                folder / "inventories" / "staging.yml",
                app="shop",
                probe={"pages": [f"{fleet.site('web1')}/"]},
            )
            (folder / "fabfile.py").write_text("from fab_static import namespace\n")
            environment = {
                **os.environ,
                **fleet.environment(),
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "XDG_STATE_HOME": str(folder / "state"),
                "TERM": "xterm-256color",
            }
            environment.pop("NO_COLOR", None)
            run = {"cwd": folder, "env": environment, "check": True}
            subprocess.run(["fab", "staging", "deploy", "--quiet"], **run)  # noqa: S607
            change(fleet.hosts["build1"].code / "shop" / "static" / "shop")
            (folder / "session.sh").write_text(session())
            _, keyboard = pty.openpty()  # of its own: whatever this is started by, nobody types
            subprocess.run(  # noqa: S603
                [
                    *(sys.executable, "-m", "termtosvg", str(PICTURE), "-t", "window_frame"),
                    *("-c", f"sh {shlex.quote(str(folder / 'session.sh'))}"),
                    *("-g", f"{COLUMNS}x{ROWS}", "-D", str(END)),
                    *("-m", str(SHORTEST_FRAME), "-M", str(LONGEST_FRAME)),
                ],
                stdin=keyboard,
                stdout=subprocess.DEVNULL,
                **run,
            )
    sys.stdout.write(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes\n")


def change(static: Path) -> None:
    """Change a colour, a script and an image, as a commit would."""
    sheet = static / "less" / "_shop" / "variables.less"
    sheet.write_text(re.sub(r"#[0-9a-f]{6}", "#2a6f97", sheet.read_text(), count=1, flags=re.I))
    script = static / "js" / "awesome.js"
    script.write_text(script.read_text() + "\nconsole.log('hello');\n")
    image = static / "img" / "paper.png"
    image.write_bytes(image.read_bytes() + b"\0")


def session() -> str:
    """Return the shell script that types the commands and runs them."""
    lines = []
    for command in COMMANDS:
        lines += [f"printf '{DOLLAR}'; sleep 1", f"printf '%s\\n' '{command}'; sleep 0.5", command]
        lines += ["sleep 1.5; echo"]
    return "\n".join([*lines, f"printf '{DOLLAR}'; sleep 1", ""])


if __name__ == "__main__":
    main()
