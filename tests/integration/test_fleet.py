"""The demo's fleet itself: the servers that all other integration tests stand on."""

import contextlib
import gzip
import hashlib
import http.client
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.message import Message
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

import fabric
import paramiko
import pytest
import yaml

from demo.fleet import Fleet, FleetError, nginx_config
from fab_static.host.agent.copies import gzipped
from fab_static.host.agent.digests import mtime_of
from fab_static.plan.nginx import GONE, IMMUTABLE, UNVERSIONED, nginx_server
from tests.processes import alive, becomes

TWENTY_MB = 20 * 1024 * 1024
PIECE = 64 * 1024


def connect(fleet: Fleet, host: str, known_hosts: Path | None = None) -> fabric.Connection:
    """Return a Fabric connection that takes no key but the one in known_hosts."""
    at = fleet.hosts[host]
    connection = fabric.Connection(
        at.address,
        fleet.user,
        at.port,
        connect_timeout=10,
        connect_kwargs={
            "key_filename": str(fleet.identity),
            "allow_agent": False,
            "look_for_keys": False,
        },
    )
    connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
    connection.client.load_host_keys(str(known_hosts or fleet.known_hosts))
    return connection


def ask(base: str, path: str, **headers: str) -> tuple[int, Message, bytes]:
    """GET a path exactly as written, `..` and all; return status, headers, body.

    The headers' names have _ for -. As it is sent: nothing is decoded.
    """
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=120)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers={"Accept-Encoding": "identity", **sent})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def get(base: str, path: str) -> tuple[int, str, bytes]:
    """GET a path as it is; return status, Cache-Control, body."""
    status, headers, body = ask(base, path)
    return status, headers["Cache-Control"] or "", body


# -- SSH -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["sshd", "asyncssh"])
def fleet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp(f"fleet {request.param}")  # a space, as in people's folders
    with Fleet(folder, {"build1": ["build"], "edge1": ["static"]}, server=request.param) as fleet:
        assert fleet.server == request.param
        yield fleet


def test_every_host_is_reached_with_its_key_verified(fleet: Fleet) -> None:
    for host in fleet.hosts:
        with connect(fleet, host) as connection:
            result = connection.run("echo $HOME; echo oops >&2", hide=True, in_stream=False)
        home = fleet.hosts[host].folder if fleet.server == "sshd" else Path.home()
        assert result.stdout.strip() == str(home)
        assert result.stderr.strip() == "oops"


def test_an_unknown_host_key_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(paramiko.SSHException, match="not found in known_hosts"):
        connect(fleet, "edge1", tmp_path / "empty").open()


def test_a_changed_host_key_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    of_build1, of_edge1 = fleet.known_hosts.read_text().splitlines()
    swapped = f"{of_edge1.split()[0]} {' '.join(of_build1.split()[1:])}\n"
    (tmp_path / "swapped").write_text(swapped)
    with pytest.raises(paramiko.BadHostKeyException):
        connect(fleet, "edge1", tmp_path / "swapped").open()


def test_a_key_that_is_not_authorized_is_refused(fleet: Fleet) -> None:
    connection = connect(fleet, "edge1")
    connection.connect_kwargs["key_filename"] = str(fleet.hosts["edge1"].folder / "host_key")
    with pytest.raises(paramiko.AuthenticationException):
        connection.open()


@pytest.mark.parametrize(
    ("command", "code"), [("true", 0), ("exit 3", 3), ("no-such-command", 127)]
)
def test_exit_codes_arrive(fleet: Fleet, command: str, code: int) -> None:
    with connect(fleet, "edge1") as connection:
        result = connection.run(command, hide=True, warn=True, in_stream=False)
    assert result.exited == code


def test_twenty_megabytes_of_any_bytes_go_in_and_out(fleet: Fleet) -> None:
    sent = os.urandom(TWENTY_MB)
    received = hashlib.sha256()
    with connect(fleet, "edge1") as connection:
        connection.open()
        stdin, stdout, _ = connection.client.exec_command("cat")

        def send() -> None:
            for start in range(0, TWENTY_MB, PIECE):
                stdin.channel.sendall(sent[start : start + PIECE])
            stdin.channel.shutdown_write()

        sender = threading.Thread(target=send)
        sender.start()
        while piece := stdout.channel.recv(PIECE):
            received.update(piece)
        sender.join()
        assert stdout.channel.recv_exit_status() == 0
    assert received.digest() == hashlib.sha256(sent).digest()


def test_a_reader_that_stops_stops_the_writer(fleet: Fleet) -> None:
    with connect(fleet, "edge1") as connection:
        connection.open()
        stdin, _, _ = connection.client.exec_command("cat")
        stdin.channel.settimeout(1)
        accepted = 0
        with contextlib.suppress(TimeoutError):
            while accepted < 4 * TWENTY_MB:
                accepted += stdin.channel.send(bytes(PIECE))
    assert accepted < TWENTY_MB  # windows and pipes; more would lie in the server's memory


def test_a_command_that_does_not_read_its_input_hangs_nobody(fleet: Fleet) -> None:
    with connect(fleet, "edge1") as connection:
        connection.open()
        stdin, stdout, _ = connection.client.exec_command("head -c 1; exec 0<&-; echo done")
        with contextlib.suppress(OSError):  # the server may close the channel meanwhile
            for _ in range(100):
                stdin.channel.sendall(b"x" * PIECE)
        assert stdout.read() == b"xdone\n"


def test_many_commands_at_once_on_one_connection(fleet: Fleet) -> None:
    with connect(fleet, "edge1") as connection:
        connection.open()
        running = [connection.client.exec_command(f"sleep 0.2; echo {n}")[1] for n in range(32)]
        assert [int(stdout.read()) for stdout in running] == list(range(32))


def test_asyncssh_ends_a_command_whose_channel_closes(fleet: Fleet) -> None:
    if fleet.server != "asyncssh":
        return  # sshd leaves it to the command to see the end of its input
    with connect(fleet, "edge1") as connection:
        connection.open()
        _, stdout, _ = connection.client.exec_command("echo $$; exec sleep 300")
        pid = int(stdout.readline())
        assert alive(pid)
        stdout.channel.close()
        assert becomes(lambda: not alive(pid)), "the command's end"


def test_a_stopped_host_drops_its_connections_and_comes_back_at_the_same_address(
    fleet: Fleet,
) -> None:
    connection = connect(fleet, "edge1")
    connection.open()
    _, stdout, _ = connection.client.exec_command(
        "setsid sh -c 'echo $$; exec sleep 301' & echo $$; exec sleep 300"
    )
    pids = [int(stdout.readline()) for _ in range(2)]
    fleet.stop("edge1")
    assert stdout.channel.recv_exit_status() == -1
    assert not any(alive(pid) for pid in pids)
    with pytest.raises(OSError, match=r"refused|Unable to connect"):
        connect(fleet, "edge1").open()
    with connect(fleet, "build1") as other:
        assert other.run("true", hide=True, in_stream=False).ok

    fleet.start("edge1")
    with connect(fleet, "edge1") as again:
        assert again.run("true", hide=True, in_stream=False).ok


def test_what_left_its_parents_outlives_stop_but_not_power_off(fleet: Fleet) -> None:
    with connect(fleet, "edge1") as connection:
        left = "(setsid sleep 302 >/dev/null 2>&1 & echo $!)"
        pid = int(connection.run(left, hide=True, in_stream=False).stdout)
    fleet.stop("edge1")
    assert alive(pid)
    fleet.start("edge1")
    fleet.power_off("edge1")
    assert not alive(pid)
    with pytest.raises(OSError, match="refused"):
        get(fleet.origin("edge1"), "/static/")
    fleet.start("edge1")
    assert get(fleet.origin("edge1"), "/static/")[0] == 404


def test_the_inventory_says_how_to_reach_the_fleet(fleet: Fleet, tmp_path: Path) -> None:
    written = fleet.write_inventory(tmp_path / "demo.yml", web={"batch": 1}, keep_releases=2)
    inventory = yaml.safe_load(written.read_text())
    assert inventory["deploy_to"] == f"{fleet.folder}/{{host}}/static"
    assert inventory["project"]["path"] == f"{fleet.folder}/{{host}}/code"
    assert inventory["ssh"]["known_hosts"] == str(fleet.known_hosts)
    assert inventory["hosts"]["edge1"] == {
        "address": "127.0.0.3",
        "port": fleet.hosts["edge1"].port,
        "roles": ["static"],
    }
    assert (inventory["web"]["batch"], inventory["keep_releases"]) == (1, 2)


def write(path: Path, data: bytes) -> None:
    """Write a file as a host has it: its time is made from its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (mtime_of(hashlib.sha256(data).hexdigest()),) * 2)


# -- origins ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["nginx", "python"])
def origin(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp(f"origin {request.param}")
    with Fleet(folder, {"edge1": ["static"], "web1": ["web"]}, nginx=request.param) as fleet:
        root = fleet.hosts["edge1"].static
        for path, text in {
            "releases/new/static/js/a.js": "a, new",
            "releases/new/static/css/logo ä b.css": "umlaut",
            "releases/new/static/CACHE/css/output.0123456789ab.css": "hashed, new",
            "releases/old/static/js/a.js": "a, old",
            "releases/old/static/CACHE/css/output.aaaaaaaaaaaa.css": "hashed, old",
            "pool/1111111/js/a.js": "a, old",
            "pool/2222222/js/a.js": "a, new",
            "pool/2222222/css/logo ä b.css": "umlaut",
            "pool/named/CACHE/css/output.0123456789ab.css": "hashed, new",
            "pool/named/CACHE/css/output.aaaaaaaaaaaa.css": "hashed, old",
            "pool/gone/dist/lazy.1a2b3c4d.js": "a chunk of old",
            "pool/gone~/lib/x.js": "below what was a file",
            "pool/gone/js/a.js": "a, older still",
            "secret.txt": "secret",
            "static/secret.txt": "secret",
        }.items():
            write(root / path, text.encode())
            if not path.startswith("releases/new/static/css"):
                write(root / (path + ".gz"), gzipped(text.encode()))
        (root / "current").symlink_to("releases/new")
        yield fleet


@pytest.mark.parametrize(
    ("path", "status", "cache_control", "body"),
    [
        ("js/a.js", 200, UNVERSIONED, b"a, new"),
        ("js/a.js?version=", 200, UNVERSIONED, b"a, new"),
        ("js/a.js?version=1111111", 200, IMMUTABLE, b"a, old"),
        ("js/a.js?version=2222222", 200, IMMUTABLE, b"a, new"),
        ("js/a.js?x=1&version=1111111&version=2222222", 200, IMMUTABLE, b"a, old"),
        ("js/a.js?version=3333333", 200, "no-store", b"a, new"),
        ("js/a.js?version=111111", 200, "no-store", b"a, new"),
        ("js/a.js?version=11111111", 200, "no-store", b"a, new"),
        ("js/a.js?version=named", 200, "no-store", b"a, new"),
        ("js/a.js?version=none", 200, "no-store", b"a, new"),
        ("js/a.js?version=%31111111", 200, "no-store", b"a, new"),
        ("secret.txt?version=../..", 404, "no-store", None),
        ("gone.js?version=3333333", 404, "no-store", None),
        ("gone.js", 404, "no-store", None),
        ("dist/lazy.1a2b3c4d.js", 200, GONE, b"a chunk of old"),
        ("dist/lazy.1a2b3c4d.js?version=3333333", 200, "no-store", b"a chunk of old"),
        ("lib/x.js", 200, GONE, b"below what was a file"),
        ("js/", 404, "no-store", None),
        ("js", 404, "no-store", None),
        ("", 404, "no-store", None),
        (quote("css/logo ä b.css"), 200, UNVERSIONED, b"umlaut"),
        (quote("css/logo ä b.css") + "?version=2222222", 200, IMMUTABLE, b"umlaut"),
        ("CACHE/css/output.0123456789ab.css", 200, IMMUTABLE, b"hashed, new"),
        ("CACHE/css/output.aaaaaaaaaaaa.css", 200, IMMUTABLE, b"hashed, old"),
        ("CACHE/css/output.aaaaaaaaaaaa.css?version=3333333", 200, "no-store", b"hashed, old"),
        ("CACHE/css/output.0123456789ab.css?version=3333333", 200, "no-store", b"hashed, new"),
    ],
)
@pytest.mark.parametrize("asked", ["origin", "site"])
def test_what_an_origin_serves(
    origin: Fleet, asked: str, path: str, status: int, cache_control: str, body: bytes | None
) -> None:
    """The site of a web host, which holds no file, asks the static hosts and says the same."""
    base = origin.origin("edge1") if asked == "origin" else origin.site()
    answer = get(base, f"/static/{path}")
    assert answer[:2] == (status, cache_control)
    if body is not None:
        assert answer[2] == body


@pytest.mark.parametrize(
    "path",
    [
        "js/a.js",
        "js/a.js?version=1111111",
        "js/a.js?version=2222222",
        "js/a.js?version=3333333",
        "CACHE/css/output.0123456789ab.css",
        "CACHE/css/output.aaaaaaaaaaaa.css",
        "CACHE/css/output.aaaaaaaaaaaa.css?version=3333333",
        quote("css/logo ä b.css") + "?version=2222222",
    ],
)
@pytest.mark.parametrize("asked", ["origin", "site"])
def test_whoever_takes_gzip_gets_the_same_answer_precompressed(
    origin: Fleet, asked: str, path: str
) -> None:
    """The site's nginx asks in HTTP/1.0, and CloudFront with Via: nginx sends such nothing encoded."""
    base = origin.origin("edge1") if asked == "origin" else origin.site()
    status, plain, body = ask(base, f"/static/{path}")
    again, coded, encoded = ask(base, f"/static/{path}", Accept_Encoding="gzip", Via="1.1 cloud")
    assert (status, again) == (200, 200)
    assert (plain["Content-Encoding"], coded["Content-Encoding"]) == (None, "gzip")
    assert encoded == gzipped(body)
    assert gzip.decompress(encoded) == body
    assert coded["Content-Type"] == plain["Content-Type"]
    assert plain["Content-Type"] in ("text/javascript", "text/css")
    assert coded["Cache-Control"] == plain["Cache-Control"]
    assert coded["Access-Control-Allow-Origin"] == plain["Access-Control-Allow-Origin"] == "*"
    assert coded["Vary"] == plain["Vary"] == "Accept-Encoding"
    assert int(coded["Content-Length"]) == len(encoded)


@pytest.mark.parametrize(
    ("path", "status", "cache_control"),
    [
        (quote("css/logo ä b.css"), 200, UNVERSIONED),
        ("gone.js", 404, "no-store"),
        ("gone.js?version=3333333", 404, "no-store"),
    ],
)
def test_where_no_copy_is_whoever_takes_gzip_gets_the_file(
    origin: Fleet, path: str, status: int, cache_control: str
) -> None:
    base = origin.origin("edge1")
    _, _, body = ask(base, f"/static/{path}")
    again, headers, same = ask(base, f"/static/{path}", Accept_Encoding="gzip")
    assert (again, headers["Cache-Control"], same) == (status, cache_control, body)
    assert headers["Content-Encoding"] is None


def test_a_copy_has_a_validator_of_its_own_and_no_range_mixes_the_two(origin: Fleet) -> None:
    """A strong ETag is of one encoding (RFC 9110, 8.8.3.3); with a shared one a cache mixes the two."""
    if origin.nginx != "nginx":
        return
    base, path = origin.origin("edge1"), "/static/js/a.js?version=1111111"
    _, plain, _ = ask(base, path)
    _, coded, encoded = ask(base, path, Accept_Encoding="gzip")
    assert plain["ETag"] != coded["ETag"]
    assert plain["Last-Modified"] != coded["Last-Modified"]
    for headers, encoding in ((plain, "identity"), (coded, "gzip")):
        for other, its in ((plain, "identity"), (coded, "gzip")):
            status, again, _ = ask(
                base,
                path,
                Accept_Encoding=encoding,
                If_None_Match=other["ETag"],
                If_Modified_Since=other["Last-Modified"],
            )
            assert status == (304 if its == encoding else 200)
            assert again["Cache-Control"] == IMMUTABLE
            assert again["ETag"] == headers["ETag"]
    # nginx's gzip_static knows no ranges, and a server may answer with all of it (RFC 9110, 14.2)
    status, headers, whole = ask(base, path, Accept_Encoding="gzip", Range="bytes=0-0")
    assert (status, headers["Content-Encoding"], whole) == (200, "gzip", encoded)
    status, headers, part = ask(base, path, Range="bytes=0-0")
    assert (status, headers["Content-Encoding"], part) == (206, None, b"a")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.txt",
        "/static/../static/secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/..%2f..%2fsecret.txt",
        "/static/js/../../../../secret.txt",
        "/static/js/..%2f..%2f..%2f..%2fsecret.txt?version=1111111",
        "/static/../../secret.txt?version=named",
        "/static//secret.txt",
        "/static/%00/../secret.txt",
        "/static/..\\..\\secret.txt",
        "/secret.txt",
        "/current/static/js/a.js",
    ],
)
def test_no_path_leads_outside_the_static_root(origin: Fleet, path: str) -> None:
    status, _, body = get(origin.origin("edge1"), path)
    assert status in (400, 404)
    assert b"secret" not in body.replace(b"secret.txt", b"")


FLIPS = """
import os, sys
os.chdir(sys.argv[1])
while True:
    for release in ("old", "new"):
        os.symlink("releases/" + release, "aside")
        os.rename("aside", "current")
"""


def test_a_content_named_file_answers_at_every_instant_of_a_flip(origin: Fleet) -> None:
    """Visitors of the page before: nginx finds the file in `current`, which moves before it opens it."""
    root = origin.hosts["edge1"].static
    # a process of its own: a thread would hold our requests up
    flipping = subprocess.Popen([sys.executable, "-IS", "-c", FLIPS, root])
    connection = http.client.HTTPConnection(urlsplit(origin.origin("edge1")).netloc, timeout=120)
    answers = set()
    try:
        for turn in range(3000):
            for name in ("output.0123456789ab.css", "output.aaaaaaaaaaaa.css"):
                encoding = ("identity", "gzip")[turn % 2]
                headers = {"Accept-Encoding": encoding}
                connection.request("GET", f"/static/CACHE/css/{name}", headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                if answer.getheader("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                answers.add((name, answer.status, body))
        assert flipping.poll() is None
    finally:
        flipping.kill()
        flipping.wait()
        connection.close()
        (root / "aside").unlink(missing_ok=True)
        (root / "aside").symlink_to("releases/new")
        (root / "aside").rename(root / "current")
    assert answers == {
        ("output.0123456789ab.css", 200, b"hashed, new"),
        ("output.aaaaaaaaaaaa.css", 200, b"hashed, old"),
    }


def test_a_server_wide_error_page_does_not_make_a_404_cacheable(origin: Fleet) -> None:
    """Most servers have one; its location's headers would replace ours."""
    if origin.nginx != "nginx":
        return
    config = origin.hosts["edge1"].folder / "nginx.conf"
    text = config.read_text()
    error_page = "error_page 404 /404.html;\n    location = /404.html { return 404 sorry; }\n"
    origin.power_off("edge1")
    config.write_text(text.replace("server_name _;", f"server_name _;\n    {error_page}"))
    try:
        origin.start("edge1")
        assert get(origin.origin("edge1"), "/static/gone.js")[:2] == (404, "no-store")
        assert get(origin.origin("edge1"), "/gone")[2] == b"sorry"
    finally:
        origin.power_off("edge1")
        config.write_text(text)
        origin.start("edge1")


def test_nginx_accepts_the_snippet_beside_another_app_s(tmp_path: Path) -> None:
    shop = nginx_server(PurePosixPath("/srv/my shop/static"), "127.0.0.1:29181", "shop.example.com")
    blog = nginx_server(
        PurePosixPath("/srv/blog"), "127.0.0.1:29181", "blog.example.com", url="/s.1/", name="blog"
    )
    config = tmp_path / "nginx.conf"
    config.write_text(nginx_config(shop + blog, tmp_path))
    asked = subprocess.run(
        ["/usr/sbin/nginx", "-t", "-e", "stderr", "-c", config], capture_output=True, text=True
    )
    assert "test is successful" in asked.stderr
    assert "[warn]" not in asked.stderr


@pytest.mark.parametrize("deploy_to", ['/srv/a"b', "/srv/$host", "/srv/a;b", "/srv/a\nb"])
def test_a_path_that_nginx_would_read_as_something_else_is_refused(deploy_to: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in an nginx configuration"):
        nginx_server(PurePosixPath(deploy_to), "80")


# -- the web hosts' application --------------------------------------------------------------------

SETTINGS = """
import os
from pathlib import Path
from django.http import HttpResponse
from django.urls import path
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = __name__
WORD = Path("word.txt").read_text()  # once per process, as the manifests are
urlpatterns = [
    path("", lambda request: HttpResponse(f"{WORD} {os.environ['COLOUR']} {request.get_host()}")),
    path("health", lambda request: HttpResponse("well")),
]
"""
MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
WSGI = "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for path, text in {
        "manage.py": MANAGE,
        "shop/__init__.py": "",
        "shop/settings.py": SETTINGS,
        "shop/wsgi.py": WSGI,
        "word.txt": "first",
        "node_modules/less/index.js": "",
        "shop/deep/node_modules/x.js": "",
        "staticfiles/old.css": "",
        "shop/__pycache__/x.pyc": "",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


@pytest.mark.parametrize("nginx", ["nginx", "python"])
def test_web_hosts_serve_the_project_and_reload_it(
    tmp_path: Path, project: Path, nginx: str
) -> None:
    roles = {"build1": ["build"], "edge1": ["static"], "web1": ["web"], "web2": ["web", "static"]}
    folder = tmp_path / "fleet"
    with Fleet(folder, roles, project, nginx=nginx, environment={"COLOUR": "red"}) as fleet:
        static = fleet.hosts["edge1"].static / "current" / "static"
        static.mkdir(parents=True)
        (static / "a.css").write_text("of edge1")
        netloc = urlsplit(fleet.site("web1")).netloc
        assert get(fleet.site("web1"), "/")[2] == f"first red {netloc}".encode()
        assert get(fleet.site("web2"), "/")[0] == 200

        inventory = fleet.inventory()
        assert inventory["project"]["settings"] == "shop.settings"
        web1 = fleet.hosts["web1"]
        check = inventory["web"]["check"].replace("{address}", web1.address)
        assert get(check, urlsplit(check).path)[2] == b"well"

        (web1.code / "word.txt").write_text("second")
        with connect(fleet, "web1") as connection:
            reload = inventory["web"]["reload"].replace("{host}", "web1")
            connection.run(reload, hide=True, in_stream=False)
        assert becomes(lambda: get(fleet.site("web1"), "/")[2].startswith(b"second")), "the reload"
        assert get(fleet.site("web2"), "/")[2].startswith(b"first")  # its own checkout

        code = fleet.hosts["build1"].code
        assert (code / "node_modules").resolve() == project / "node_modules"
        assert (code / "shop/deep/node_modules").is_symlink()
        assert not (code / "staticfiles").exists()
        assert not list(code.glob("shop/__pycache__/x.pyc"))
        assert not (code / "word.txt").is_symlink()

        fleet.power_off("web1")
        with pytest.raises(OSError, match="refused"):
            get(fleet.site("web1"), "/")
        fleet.start("web1")
        assert get(fleet.site("web1"), "/")[2].startswith(b"second")


def test_a_project_that_does_not_start_is_named_with_the_end_of_its_log(
    tmp_path: Path, project: Path
) -> None:
    (project / "shop/settings.py").write_text("import not_there\n")
    before = set(Path("/proc").iterdir())
    fleet = Fleet(tmp_path / "fleet", {"web1": ["web"]}, project)
    with pytest.raises(FleetError, match=r"(?s)gunicorn of web1 ended with \d.*not_there"), fleet:
        pytest.fail("a fleet that did not start went on")
    assert not left_over(fleet.folder, before)


# -- life ------------------------------------------------------------------------------------------


def left_over(folder: Path, before: set[Path]) -> list[str]:
    """Return the command lines of processes that name the folder and were not there before."""
    lines = []
    for entry in set(Path("/proc").iterdir()) - before:
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and alive(int(entry.name)):
                line = (entry / "cmdline").read_text()
                lines += [line] if str(folder) in line else []
    return lines


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("server", ["sshd", "asyncssh"])
def test_nothing_outlives_the_fleet(
    tmp_path: Path, error: type[BaseException], server: str
) -> None:
    before = set(Path("/proc").iterdir())
    fleet = Fleet(tmp_path, {"edge1": ["static", "build", "web"]}, server=server)
    with pytest.raises(error), fleet:  # noqa: PT012 - raised while the fleet works
        connection = connect(fleet, "edge1")
        connection.open()
        _, stdout, _ = connection.client.exec_command(
            "(setsid sh -c 'echo $$; exec sleep 303' &) ; echo $$; exec sleep 300"
        )
        pids = [int(stdout.readline()) for _ in range(2)]
        assert all(alive(pid) for pid in pids)
        assert left_over(fleet.folder, before)
        raise error
    assert not any(alive(pid) for pid in pids)
    assert not left_over(fleet.folder, before)
    fleet.close()  # a second time


def test_nothing_outlives_an_owner_that_is_killed(tmp_path: Path) -> None:
    """A test run that CI ends must not leave twenty servers behind."""
    before = set(Path("/proc").iterdir())
    program = (
        "import sys, time; from pathlib import Path; from demo.fleet import Fleet\n"
        "with Fleet(Path(sys.argv[1]), {'edge1': ['static']}) as fleet:\n"
        "    fleet.start_aws(); print('up', flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout
    with owner.stdout:
        assert owner.stdout.readline() == "up\n"
    assert left_over(tmp_path, before)
    owner.kill()
    owner.wait()
    assert becomes(lambda: not left_over(tmp_path, before)), "the servers' end"


def test_two_fleets_live_side_by_side(tmp_path: Path) -> None:
    roles = {"edge1": ["static"]}
    with Fleet(tmp_path / "one", roles) as one, Fleet(tmp_path / "two", roles) as two:
        for fleet in (one, two):
            (fleet.hosts["edge1"].static / "current/static").mkdir(parents=True)
            (fleet.hosts["edge1"].static / "current/static/a").write_text(fleet.folder.name)
        assert get(one.origin("edge1"), "/static/a")[2] == b"one"
        assert get(two.origin("edge1"), "/static/a")[2] == b"two"


def test_the_aws_stand_in_holds_one_distribution(tmp_path: Path) -> None:
    asks = (
        "import boto3, sys; c = boto3.client('cloudfront', endpoint_url=sys.argv[1]);"
        "print(c.get_distribution(Id=sys.argv[2])['Distribution']['Id']);"
        "print(c.create_invalidation(DistributionId=sys.argv[2], InvalidationBatch={'Paths':"
        "{'Quantity': 1, 'Items': ['/static/a.css']}, 'CallerReference': 'x'})['Invalidation']['Id'])"
    )
    with Fleet(tmp_path, {"edge1": ["static"]}) as fleet:
        assert "cdn" not in fleet.inventory()
        said = subprocess.run(
            [
                fleet.inventory()["project"]["python"],
                "-c",
                asks,
                fleet.endpoint_url,
                fleet.distribution_id,
            ],
            env={**os.environ, **fleet.environment()},
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.splitlines()[0] == fleet.distribution_id
        assert fleet.inventory()["cdn"]["distribution_id"] == fleet.distribution_id
        assert fleet.inventory(cdn={"wait": 0})["cdn"]["wait"] == 0
