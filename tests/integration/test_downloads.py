"""The number: what visitors download for a deploy, told before the flip and after it, and held to a budget."""

from __future__ import annotations

import random
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from fab_static.errors import ReleaseError
from fab_static.report.archive import Archive
from tests.integration import plain_project
from tests.integration.conftest import check_schema, on_this_machine

PHASES = ["collectstatic"]
WORDS = random.Random(1).choices(["tea", "cup", "bowl", "pot", "leaf"], k=4000)
FILES = {
    "shop/static/js/app.js": " ".join(WORDS),
    "shop/static/js/same.js": " ".join(reversed(WORDS)),
}


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return plain_project.write(tmp_path / "code", "", FILES)


@pytest.fixture
def page(code: Path) -> Iterator[str]:
    """A page that names both scripts, and the static root that is live."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            live = Path(f"{code}.static/current{path}")
            names = ("app", "same")
            body = "".join(f'<script src="/static/js/{name}.js"></script>' for name in names)
            data = body.encode() if path == "/" else live.read_bytes() if live.is_file() else b""
            self.send_response(200 if data else 404)
            kind = "text/html" if path == "/" else "text/javascript"
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def newest() -> tuple[Any, str]:
    """Return the newest summary, and the report."""
    run, summary = next(Archive("tiny", "local").summaries())
    return summary, run.with_suffix(".html").read_text()


def test_the_number_is_told_before_the_flip_and_after_it_and_a_budget_holds_it(
    tmp_path: Path, code: Path, page: str
) -> None:
    asked: dict[str, Any] = {
        "settings": "settings",
        "probe": {"pages": [page]},
        "build": {"deltas": 2},
    }
    shown: list[Any] = []

    def confirm(difference: Any) -> bool:
        shown.append(difference["downloads"])
        return True

    with on_this_machine(code, *PHASES, **asked) as (session, _):
        first = session.deploy().current_release()
        (told,) = newest()[0]["difference"]["downloads"]["pages"]
        assert (told["page"], told["returning"]) == (page, None)
        script = code / "shop/static/js/app.js"
        script.write_text(script.read_text() + " and sugar")
        session.prepare()
        plan = session.plan()
        check_schema("plan", plan)
        second = session.activate(confirm=confirm).current_release()
        known, report = newest()
        check_schema("summary", known)
        now = known["difference"]["downloads"]
        file = second.files["js/app.js"]
        held = first.files["js/app.js"].sha256
        gzip = file.encodings["gz"].size
        back = {"deltas": file.deltas[held].size, "br": gzip, "gzip": gzip}
        assert back["deltas"] < gzip / 10
        for found, expected in ((plan["downloads"], True), (shown[0], True), (now, False)):
            (told,) = found["pages"]
            assert (told["page"], told["returning"], found["expected"]) == (page, back, expected)
            assert told["first"]["gzip"] == gzip + second.files["js/same.js"].encodings["gz"].size
            assert [one["path"] for one in told["files"]] == ["js/app.js"]
        assert [one["release"] for one in known["downloads_history"]] == [first.id, second.id]
        assert report.index("What a returning visitor downloads") < report.index("What ran when")
        difference = session.diff()
        check_schema("diff", difference)
        assert difference["downloads"]["pages"][0]["returning"] == back
        script.write_text(" ".join(random.Random(2).choices(WORDS, k=4000)))
    asked["budget"] = {"returning": "1kB"}
    with on_this_machine(code, *PHASES, **asked) as (session, told_to):
        with pytest.raises(ReleaseError) as refused:
            session.deploy()
        assert f"{page}: a returning visitor downloads" in refused.value.what
        assert "budget.returning allows 1.0 kB: js/app.js" in refused.value.what
        assert session.status()["live"] == second.id
        third = session.activate(over_budget=True).current_release()
        assert any("cost" in line and "budget" in line for line in told_to.warned)
        assert session.status()["live"] == third.id
        assert session.rollback().current_release().id == second.id  # no budget stops that
