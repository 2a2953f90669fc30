"""How a developer works on the sample shop: LESS on the fly, or as in production; with a CDN prefix or without."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.integration.conftest import FAB, ROOT, get
from tests.integration.test_sample_project import Shop, _links, checkout
from tests.ports import kept_port, listens

CHAIN = ("collectstatic", "fix-less-imports", "compilejsi18n", "compress")
PAGES = ("/", "/cart/", "/styleguide/?theme=dark")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of this repository, as far as `fab local` needs it."""
    folder = tmp_path_factory.mktemp("developer")
    for name in ("fabfile.py", "inventories/local.yml"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "tests").mkdir()
    checkout(folder / "tests" / "sample_project")
    return folder


def fab(folder: Path, *words: str, **environment: str) -> str:
    """Run fab as a developer does, with no SSH agent and no key."""
    ran = subprocess.run(
        [FAB, "local", *words],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "SSH_AUTH_SOCK": "", **environment},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@contextmanager
def runserver(shop: Shop, port: int, **environment: str) -> Iterator[str]:
    """Run Django's own server; yield the site's address."""
    site = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "manage.py", "runserver", f"127.0.0.1:{port}", "--noreload"],
        cwd=shop.path,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert listens(server, port), "runserver ended"
        yield site
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def port() -> Iterator[int]:
    with kept_port() as port:
        yield port


@pytest.mark.parametrize("mode", ["on the fly", "offline"])
@pytest.mark.parametrize("cdn", [False, True], ids=["without a CDN", "with a CDN"])
def test_over_http_each_file_of_a_page_comes_from_where_the_page_says(
    folder: Path, port: int, mode: str, cdn: bool
) -> None:
    """The CDN is the same server by another name: it pulls from the site, as a real one does."""
    shop = Shop(folder / "tests" / "sample_project")
    prefix = f"http://localhost:{port}" if cdn else ""
    if mode == "offline":
        output = fab(folder, *CHAIN, STATIC_CDN=prefix)
        assert re.findall(r"(\S+) done in", output) == list(CHAIN)
        settings = {"SHOP_COMPRESS": "1", "SHOP_DEBUG": "1"}
    else:
        shutil.rmtree(shop.root, ignore_errors=True)
        settings = {"SHOP_COMPRESS": "0"}
    with runserver(shop, port, STATIC_CDN=prefix, **settings) as site:
        sheets: dict[str, str] = {}
        for page in PAGES:
            answer = get(site + page)
            assert answer.status == 200, answer.body[-3000:]
            for link in _links(answer.body.decode()):
                if "/static/" not in link:
                    continue
                assert link.startswith(f"{prefix}/static/") or "jsi18n" in link, link
                asset = get(urljoin(site, link))
                assert asset.status == 200, link
                if "/CACHE/css/" in link:
                    sheets[urljoin(site, link)] = asset.body.decode()
        assert sheets
        assert not any(re.search(r"@import|@[a-z-]+:", sheet) for sheet in sheets.values())
        fonts = {
            urljoin(sheet, url)
            for sheet, text in sheets.items()
            for url in re.findall(r"""url\(["']?([^"')]+glyphicons[^"')]+)""", text)
        }
        assert fonts
        assert {url: get(url).status for url in fonts} == dict.fromkeys(fonts, 200)
