"""What a real nginx sends to browsers that hold earlier bytes (dcz, RFC 9842), and to all the others."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import http.client
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from fab_static.plan.nginx import IMMUTABLE, UNVERSIONED, nginx_server
from tests.integration.test_nginx_settings import nginx
from tests.unit.host.agent.agents import A, B, FakeAgent, build, flip, sha1_of, sha256_of

OLD = b"".join(hashlib.sha256(bytes([n])).hexdigest().encode() + b"\n" for n in range(200))
NEW = OLD[:6000] + b"one line more\n" + OLD[6000:]
HASHED = "CACHE/css/shop.{}.css"
# names that are more than letters: in URLs, in URL patterns, in the quotes of a header
STRANGE = ("a b.js", "ünï.js", "a(1)+b.js", "100%.js", 'say"so".js', "semi;colon'.js", "a*b:c.js")
TAKES = "gzip, deflate, br, zstd, dcb, dcz"
Answer = tuple[int, http.client.HTTPMessage, bytes]


def held(data: bytes) -> str:
    """Return what a browser says that holds these bytes."""
    return f":{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def hashed(data: bytes) -> str:
    return HASHED.format(sha256_of(data)[:12])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nginx deltas")


@pytest.fixture(scope="module")
def agent(folder: Path) -> FakeAgent:
    """A host on which B is live, and A was: every file of B has a delta to that of A, and to itself."""
    agent = FakeAgent(folder / "host")
    delta = {old: _delta(agent, NEW, old) for old in (OLD, NEW)}
    plain = {"js/a.js": NEW, "plain.js": NEW, **dict.fromkeys(STRANGE, NEW)}
    zst = {"js/a.js": {"gz": gzip.compress(NEW), "zst": _zstd(NEW)}}
    build(agent, A, {**dict.fromkeys(plain, OLD), hashed(OLD): OLD, "gone.js": OLD})
    files = {**plain, hashed(NEW): NEW}
    build(agent, B, files, encodings=zst, deltas=dict.fromkeys(files, delta))
    flip(agent, A)
    flip(agent, B)
    return agent


def _delta(agent: FakeAgent, new: bytes, old: bytes) -> bytes:
    for data in (new, old):
        agent.do("put_object", data)
    pair = [sha256_of(new), sha256_of(old), len(new), None]
    _, body = agent.ask("deltas", json.dumps([pair]).encode(), seconds=60, releases=1)
    made = json.loads(body)[pair[0]][pair[1]]
    return agent.ask("read_object", object=made[0])[1]


def _zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-19c"], input=data, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def port(agent: FakeAgent, folder: Path) -> Iterator[int]:
    text = nginx_server(
        agent.host.root, "127.0.0.1:PORT", precompressed=("gzip", "zstd"), deltas=True
    )
    # as many do: it would encode a delta once more
    http_block = ("gzip on;", "gzip_types *;", "gzip_min_length 10;", "gzip_proxied any;")
    with nginx(folder / "nginx", text, *http_block) as port:
        yield port


def ask(port: int, path: str, *, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with contextlib.closing(connection):
        named = {name.replace("_", "-"): one for name, one in headers.items()}
        connection.request(method, f"/static/{path}", headers=named)
        said = connection.getresponse()
        return said.status, said.headers, said.read()


def ask_holding(port: int, path: str, data: bytes = OLD, **headers: str) -> Answer:
    return ask(port, path, Accept_Encoding=TAKES, Available_Dictionary=held(data), **headers)


def decoded(answer: Answer, dictionary: bytes, folder: Path) -> bytes:
    """Return what a browser makes of an answer."""
    _, headers, body = answer
    coding = headers["Content-Encoding"]
    if coding == "gzip":
        return gzip.decompress(body)
    if coding == "zstd":
        return subprocess.run(["zstd", "-dc"], input=body, capture_output=True, check=True).stdout
    if coding == "dcz":
        assert body[8:40] == hashlib.sha256(dictionary).digest(), "of another dictionary"
        (folder / "dictionary").write_bytes(dictionary)
        command = ["zstd", "-dcD", str(folder / "dictionary")]
        return subprocess.run(command, input=body, capture_output=True, check=True).stdout
    assert coding is None
    return body


URLS = {
    f"js/a.js?version={sha1_of(NEW)}": IMMUTABLE,
    hashed(NEW): IMMUTABLE,
    "plain.js": UNVERSIONED,
    **{quote(name, safe="/~!*()'"): UNVERSIONED for name in STRANGE},
}


@pytest.mark.parametrize("url", URLS)
def test_who_holds_the_old_bytes_gets_the_delta(port: int, folder: Path, url: str) -> None:
    status, headers, body = answer = ask_holding(port, url)
    assert (status, headers["Content-Encoding"]) == (200, "dcz")
    assert len(body) < 150
    assert decoded(answer, OLD, folder) == NEW
    assert headers["Content-Type"] == ("text/css" if ".css" in url else "text/javascript")
    assert headers.get_all("Vary") == ["Accept-Encoding, Available-Dictionary"]
    assert headers["Cache-Control"] == URLS[url]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "says",
    [
        {},
        {"Accept_Encoding": "gzip, br", "Available_Dictionary": held(OLD)},
        {"Accept_Encoding": "gzip, dcz;q=0", "Available_Dictionary": held(OLD)},
        {"Accept_Encoding": "gzip, xdczx, dcz-2", "Available_Dictionary": held(OLD)},
        {"Accept_Encoding": TAKES},
        {"Accept_Encoding": TAKES, "Available_Dictionary": held(b"what nobody knows")},
        {"Accept_Encoding": TAKES, "Available_Dictionary": ":../../../../etc/passwd:"},
        {"Accept_Encoding": TAKES, "Available_Dictionary": ":" + "/" * 43 + "=:"},
        {"Accept_Encoding": TAKES, "Available_Dictionary": held(OLD).strip(":")},
    ],
)
def test_all_others_get_the_ordinary_answer(
    port: int, folder: Path, url: str, says: dict[str, str]
) -> None:
    """Who takes no dcz, holds nothing, holds what nobody knows, or lies."""
    status, headers, _ = answer = ask(port, url, **says)
    assert status == 200
    assert headers["Content-Encoding"] != "dcz"
    assert decoded(answer, b"", folder) == NEW
    assert headers["Cache-Control"] == URLS[url]


def test_an_older_version_is_never_answered_with_what_is_live(port: int, folder: Path) -> None:
    """The live release has a delta for this name to these very bytes (G1)."""
    url = f"js/a.js?version={sha1_of(OLD)}"
    for data in (OLD, NEW):
        assert decoded(ask_holding(port, url, data), data, folder) == OLD
    _, headers, _ = ask_holding(port, "js/a.js?version=0000000")
    assert headers["Cache-Control"] == "no-store"
    assert ask_holding(port, "gone.js")[0] == 200
    assert ask_holding(port, "nowhere.js")[0] == 404


def test_each_encoding_has_its_own_etag_and_is_asked_for_anew_by_it(port: int) -> None:
    url = f"js/a.js?version={sha1_of(NEW)}"
    plain, gz = ask(port, url), ask(port, url, Accept_Encoding="gzip")
    zst, dcz = ask(port, url, Accept_Encoding="gzip, zstd"), ask_holding(port, url)
    assert [one[1]["Content-Encoding"] for one in (plain, gz, zst, dcz)] == [
        None, "gzip", "zstd", "dcz",
    ]  # fmt: skip
    tags = [one[1]["ETag"] for one in (plain, gz, zst, dcz)]
    assert len(set(tags)) == 4
    assert ask_holding(port, url, If_None_Match=tags[3])[0] == 304
    assert ask_holding(port, url, If_None_Match=tags[0])[0] == 200
    assert ask(port, url, If_None_Match=tags[3])[0] == 200


def test_who_asks_again_for_what_came_as_a_delta_gets_no_whole_file(
    port: int, folder: Path
) -> None:
    """Its ETag was the delta's; what the browser holds by now is the file itself."""
    first = ask_holding(port, "plain.js")
    again = ask_holding(port, "plain.js", NEW, If_None_Match=first[1]["ETag"])
    assert len(again[2]) < 150
    assert decoded(again, NEW, folder) == NEW
    assert ask_holding(port, "plain.js", NEW, If_None_Match=again[1]["ETag"])[0] == 304


def test_a_part_is_a_part_of_the_ordinary_answer(port: int) -> None:
    says = {"Accept_Encoding": "dcz", "Available_Dictionary": held(OLD)}
    status, headers, body = ask(port, "plain.js", **says, Range="bytes=6000-6005")
    assert (status, headers["Content-Encoding"], body) == (206, None, b"one li")


def test_head_says_what_get_would(port: int) -> None:
    says = {"Accept_Encoding": TAKES, "Available_Dictionary": held(OLD)}
    _, of_get, body = ask(port, "plain.js", **says)
    status, of_head, nothing = ask(port, "plain.js", method="HEAD", **says)
    assert (status, nothing) == (200, b"")
    assert int(of_head["Content-Length"]) == len(body)
    drop = ("Date", "Connection")
    assert [one for one in of_head.items() if one[0] not in drop] == [
        one for one in of_get.items() if one[0] not in drop
    ]


@pytest.mark.parametrize(
    ("url", "match"),
    [
        (f"js/a.js?version={sha1_of(NEW)}", "a.js"),
        ("js/a.js", "a.js"),
        (hashed(NEW), "shop.*.css"),
        (hashed(OLD), "shop.*.css"),
        ("a%20b.js", "a%20b.js"),
        ("%C3%BCn%C3%AF.js", "%C3%BCn%C3%AF.js"),
        ("a(1)%2Bb.js", r"a\\(1\\)%2Bb.js"),
        ("a(1)+b.js", r"a\\(1\\)\\+b.js"),
        ("a*b:c.js", r"a\\*b\\:c.js"),
        ("say%22so%22.js", "say%22so%22.js"),
        ("semi;colon'.js", "semi;colon'.js"),
    ],
)
def test_a_browser_is_told_for_which_urls_an_answer_is_a_dictionary(
    port: int, url: str, match: str
) -> None:
    for holds in (OLD, b"nothing"):
        _, headers, _ = ask_holding(port, url, holds)
        assert headers.get_all("Use-As-Dictionary") == [f'match="{match}"']


def test_without_the_keys_the_configuration_is_as_it_was(agent: FakeAgent) -> None:
    text = nginx_server(agent.host.root, "127.0.0.1:80")
    assert not re.search("dcz|zst|ictionary", text)
