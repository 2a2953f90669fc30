"""Lays the pages of the site out in a folder: `python docs/site.py FOLDER`; `make site` then builds it.

README and other pages that stand beside the folder docs are pages of the site, too. Links follow.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {  # in the repository -> its name on the site
    ROOT / "README.md": "index.md",
    ROOT / "CONTRIBUTING.md": "contributing.md",
    ROOT / "SECURITY.md": "security.md",
    ROOT / "CHANGELOG.md": "changelog.md",
    ROOT / "benchmarks" / "RESULTS.md": "results.md",
}
_LINK = re.compile(r"(!?)\[((?:`[^`]*`|[^\]`])*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def lay_out(folder: Path) -> None:
    """Write all pages, and the pictures and schemas that they lead to, into a new folder."""
    shutil.copytree(
        ROOT / "docs", folder, ignore=shutil.ignore_patterns("*.py", "*.md", "__pycache__")
    )
    pages = {page: page.name for page in (ROOT / "docs").glob("*.md")} | ELSEWHERE
    for page, name in pages.items():
        text = _LINK.sub(lambda link, page=page: _led(link, page, pages), page.read_text("utf-8"))
        (folder / name).write_text(text, "utf-8")


def _led(link: re.Match[str], page: Path, pages: dict[Path, str]) -> str:
    """Return a link as the site has it; what is not a page of the site is named without a link."""
    mark, text, path, anchor = link[1], link[2], link[3], link[4] or ""
    if "://" in path:
        return link[0]
    target = (page.parent / path).resolve()
    if target in pages:
        return f"{mark}[{text}]({pages[target]}{anchor})"
    if target.is_relative_to(ROOT / "docs"):
        return f"{mark}[{text}]({target.relative_to(ROOT / 'docs')}{anchor})"
    return text


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]))
