"""Tailwind and esbuild, as docs/bundlers.md has them, with the real tools. Vite and webpack: test_open_pages.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fab_static import api
from tests.bundlers import frontend, how_to
from tests.integration.conftest import on_this_machine, rendered


@contextmanager
def deploying(title: str, code: Path, npm: how_to.Npm) -> Iterator[api.Session]:
    """Open a session for a part's inventory on this machine."""
    build = how_to.part(title).inventory["build"]
    project = {"settings": "settings", "environment": npm.environment}
    with on_this_machine(code, build=build, project=project) as (session, _):
        yield session


def test_tailwind_makes_what_the_templates_use(tmp_path: Path) -> None:
    page = "shop/templates/page.html"
    text = '{% include "base.html" %}<p class="mt-4">'
    code = how_to.part("Tailwind").write(tmp_path / "code", {page: text})
    (code / "assets").mkdir()
    npm = how_to.npm(tmp_path / "bin")

    def stylesheet() -> str:
        (url,) = re.findall(r'href="/static/(dist/site\.\w+\.css)"', rendered(code, "settings"))
        return (Path(f"{code}.static") / "current/static" / url).read_text()

    with deploying("Tailwind", code, npm) as session:
        first = session.deploy().current_release()
        assert ".mt-4" in stylesheet()
        assert ".rotate-45" not in stylesheet()
        (code / page).write_text(text.replace("<p", "<div"))
        assert session.deploy().current_release().id == first.id
        assert npm.runs() == 2, "a template is an input"
        (code / page).write_text(text.replace("mt-4", "mt-4 rotate-45"))
        session.deploy()
        assert ".rotate-45" in stylesheet()
        assert npm.runs() == 3


def test_esbuild_keeps_the_chunks_of_open_pages(tmp_path: Path) -> None:
    code = how_to.part("esbuild").write(tmp_path / "code", frontend.files(1))
    (code / "assets").mkdir()
    npm = how_to.npm(tmp_path / "bin")

    with deploying("esbuild", code, npm) as session:
        first = session.deploy().current_release()
        before = rendered(code, "settings")
        for route in frontend.ROUTES:
            (code / f"frontend/{route}.js").write_text(frontend.files(2)[f"frontend/{route}.js"])
        second = session.deploy().current_release()
        assert rendered(code, "settings") != before
        (chunk,) = (path for path in first.files if re.search(r"/cart-\w+\.js$", path))
        assert chunk not in second.files
        kept = Path(f"{code}.static") / "pool/gone" / chunk
        assert "cart of release 1" in kept.read_text()
        session.rollback()
        assert rendered(code, "settings") == before
