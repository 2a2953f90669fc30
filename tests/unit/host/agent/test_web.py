"""Whether nginx may enter, and what a web process answers, as a host sees them."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fab_static.host.agent import web
from fab_static.host.agent.web import closed_folder, is_before_gone
from tests.ports import kept_port
from tests.unit.host.agent.agents import A

OTHERS = {"uid": 12345, "groups": {12345}, "name": "www-data"}


@contextmanager
def site(*answers):
    """Serve these answers, each a status and a page, the last one again and again; yield the URL."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, page = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_words):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/health"
        server.shutdown()


@pytest.fixture
def folder(tmp_path):
    """Return a folder that everybody may enter, wherever pytest keeps its own."""
    for parent in (tmp_path, *tmp_path.parents):
        if not parent.stat().st_mode & 0o001:
            parent.chmod(0o711)
    return tmp_path


def test_why_nothing_answers_is_told_without_a_number():
    with kept_port() as port:
        assert web.answer_of(f"http://127.0.0.1:{port}/", 60) == ("Connection refused", b"")


def test_the_first_folder_that_nginx_may_not_enter_is_named(folder):
    (folder / "open/closed/below").mkdir(parents=True)
    assert closed_folder(str(folder / "open/closed/below/a.css"), OTHERS) is None
    (folder / "open/closed").chmod(0o750)
    assert closed_folder(str(folder / "open/closed/below/a.css"), OTHERS) == str(
        folder / "open/closed"
    )


def test_a_user_enters_what_its_group_may_enter(folder):
    (folder / "closed").mkdir(mode=0o750)
    group = (folder / "closed").stat().st_gid
    assert closed_folder(str(folder / "closed"), {**OTHERS, "groups": {group}}) is None


def test_root_enters_everywhere(folder):
    (folder / "closed").mkdir(mode=0o000)
    assert closed_folder(str(folder / "closed"), {**OTHERS, "uid": 0}) is None


def test_it_is_told_who_nginx_is_and_how_that_is_known(agent, root):
    root.mkdir()
    told = agent.do("closed_to_nginx", path="current/static/a.css")
    assert set(told) == {"folder", "user", "known_by", "lacks_gone"}
    assert told["known_by"]


class Clock:
    """A clock that only runs while somebody sleeps: however busy the machine is, a URL has time to answer."""

    def __init__(self):
        self.seconds = 0.0

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


@pytest.fixture
def _unhurried(monkeypatch):
    monkeypatch.setattr(web, "time", Clock())


def test_a_url_is_asked_until_it_answers(agent):
    with site((503, b"starting"), (200, b"")) as url:
        assert agent.do("http", url=url, timeout=120)["answer"] == "200"


@pytest.mark.usefixtures("_unhurried")
def test_a_url_that_never_answers_200_is_told_by_its_last_answer(agent):
    with site((503, b""), (404, b"")) as url:
        assert agent.do("http", url=url, timeout=120)["answer"] == "404"


def test_a_web_process_is_asked_until_it_names_the_release(agent):
    page = json.dumps({"release": A}).encode()
    with site((200, b"{}"), (200, b"words"), (200, page)) as url:
        assert agent.do("http", url=url, timeout=120, release=A)["answer"] == A


@pytest.mark.usefixtures("_unhurried")
def test_a_page_that_names_no_release_is_told(agent):
    with site((200, b"words")) as url:
        answer = agent.do("http", url=url, timeout=120, release=A)["answer"]
    assert answer == "200, but no JSON that names a release"


@pytest.mark.parametrize(
    ("places", "is_old"),
    [
        ("/pool/named/$path /current/static/$path", True),
        ("/pool/named/$path /current/static/$path /pool/gone/$path", False),
        ("/static/$path", False),
    ],
)
def test_a_configuration_from_before_there_was_a_pool_of_gone_names_is_known(places, is_old):
    assert is_before_gone(f"root /srv/static; try_files {places} =404;") == is_old
