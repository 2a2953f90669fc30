"""`fab`, started in a process of its own beside a fabfile."""

import subprocess
import sys

MAIN = """
import sys
from fabric.main import program

program.run(["fab", *sys.argv[1:]])
"""


def run(folder, *words, main=MAIN):
    """Run fab in a folder; return what became of it, whatever its exit code is."""
    return subprocess.run(
        [sys.executable, "-c", main, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
