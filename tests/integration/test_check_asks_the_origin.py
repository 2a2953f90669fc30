"""`check` asks each static host for what is live there, and names what stands between (fleet C16, C19, C20)."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fab_static.doctor.findings import is_well
from tests.integration.conftest import on_this_machine, write_tiny
from tests.integration.test_nginx_settings import nginx, snippet

DEFAULT_SITE = """
server {
    listen 127.0.0.1:PORT default_server;
    server_name _;
    root /var/www/html;
    location / { try_files $uri $uri/ =404; }
}
"""


@pytest.fixture
def code() -> Iterator[Path]:
    """A small project that is live, where everybody may enter: pytest's folders are closed."""
    with tempfile.TemporaryDirectory(prefix="serving") as folder:
        Path(folder).chmod(0o755)
        code = write_tiny(Path(folder) / "home" / "project")
        (code / "assets" / "tiny.txt").write_text("x")
        with on_this_machine(code, "collectstatic", "compress") as (session, _):
            session.deploy()
        yield code


def found(code: Path, port: int, **probe: Any) -> list[dict[str, Any]]:
    origin = {"origin": f"http://127.0.0.1:{port}", **probe}
    with on_this_machine(code, "collectstatic", "compress", probe=origin) as (session, _):
        return [one for one in session.check() if one["subject"] == "nginx"]


def test_all_is_well_beside_the_default_site_where_the_server_has_its_name(
    tmp_path: Path, code: Path
) -> None:
    text = DEFAULT_SITE + snippet(Path(f"{code}.static"), server_name="127.0.0.1")
    with nginx(tmp_path / "nginx", text) as port:
        (finding,) = found(code, port)
    assert finding["ok"], finding
    assert " answers as " in finding["what"]


def test_another_server_block_that_answers_is_named(tmp_path: Path, code: Path) -> None:
    """`server_name _` is a name like any other: Debian's default site answered 404 (fleet C20)."""
    text = DEFAULT_SITE + snippet(Path(f"{code}.static"))
    with nginx(tmp_path / "nginx", text) as port:
        (finding,) = found(code, port)
        assert finding["what"] == f"http://127.0.0.1:{port}/static/tiny.txt answered 404"
    assert finding["mend"] == (
        "another server block answers, for the file is on the disk: have server_name in ours match the name in "
        "probe.origin, as `fab local nginx --host here` prints it, and reload nginx"
    )
    assert not is_well([finding])


@pytest.mark.skipif(os.geteuid() != 0, reason="nginx changes its user")
def test_the_folder_that_nginx_may_not_enter_is_named(tmp_path: Path, code: Path) -> None:
    """A 0750 home: live, and all 404 (fleet C19)."""
    with nginx(tmp_path / "nginx", snippet(Path(f"{code}.static")), user="www-data") as port:
        (well,) = found(code, port)
        assert well["ok"], well
        code.parent.chmod(0o750)
        (finding,) = found(code, port)
    assert not finding["ok"]
    assert finding["what"] == (
        f"www-data may not enter {code.parent}, so nginx answers 404 for every file"
    )
    assert finding["mend"] == (
        f"let it in: chmod o+x {code.parent}; or set deploy_to to a folder outside of it"
    )


def test_what_changes_the_bytes_of_pages_alone_is_seen(tmp_path: Path, code: Path) -> None:
    """sub_filter in http { } works on text/html: of all files a page shows it (fleet A2)."""
    page = code / "assets" / "help" / "index.html"
    page.parent.mkdir()
    page.write_text("<html><head></head><body>" + "long " * 99 + "</body></html>")
    with on_this_machine(code, "collectstatic", "compress") as (session, _):
        session.deploy()
    filters = "sub_filter '</head>' '<script src=/t.js></script></head>';\n"
    with nginx(tmp_path / "nginx", filters + snippet(Path(f"{code}.static"))) as port:
        (finding,) = found(code, port)
    assert not finding["ok"], finding
    assert "/static/help/index.html" in finding["what"]
    assert "If it is printed already: sub_filter, add_before_body or" in finding["mend"]


def test_where_nothing_listens_check_says_so(tmp_path: Path, code: Path) -> None:
    (finding,) = [one for one in found(code, 9) if not one["ok"]]
    assert finding["what"].startswith("http://127.0.0.1:9/static/tiny.txt answers nothing: ")
    assert finding["mend"] == (
        "start nginx there, with what `fab local nginx --host here` prints; or correct probe.origin"
    )


def test_a_configuration_from_before_there_was_a_pool_of_gone_names_is_told(
    tmp_path: Path, code: Path
) -> None:
    """It answers for what is live, and open pages lose their chunks."""
    text = snippet(Path(f"{code}.static"), server_name="127.0.0.1")
    old = re.sub(r" /pool/gone~?/\S+", "", text)
    assert old != text
    with nginx(tmp_path / "nginx", old) as port:
        told, answers = found(code, port)
    assert answers["what"].startswith(f"http://127.0.0.1:{port}/static/")
    assert "does not know pool/gone: pages that are open lose their chunks" in told["what"]
    assert told["mend"] == "print it again, and reload nginx: fab local nginx --host here"
    assert is_well([told, answers])
