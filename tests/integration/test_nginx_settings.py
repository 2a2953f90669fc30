"""What the printed nginx location answers is its own: nothing that http { } sets changes it (DESIGN §6)."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.fleet import nginx_config
from fab_static.host.agent.digests import mtime_of
from fab_static.plan.nginx import IMMUTABLE, OWN_SETTINGS, UNVERSIONED, nginx_server
from tests.ports import kept_port, listens

Answer = tuple[int, dict[str, list[str]], bytes]
PAGE = b'<!--#echo var="uri" --><a href="http://old/">caf\xc3\xa9</a>'
SHOWN = ("Cache-Control", "Content-Type", "Content-Encoding", "ETag", "Set-Cookie", "Vary")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases and their pool, as the agent writes them."""
    root = tmp_path_factory.mktemp("nginx settings") / "static"
    for path, text in {
        "releases/new/static/js/a.js": b"a, new",
        "releases/new/static/js/lib.202311221530.js": b"dated",
        "releases/new/static/js/page.mjs": b"export {}",
        "releases/new/static/site.webmanifest": b"{}",
        "releases/new/static/page.html": PAGE,
        "releases/new/static/noending": b"bytes",
        "releases/new/static/CACHE/css/output.0123456789ab.css": b"hashed",
        "releases/old/static/js/a.js": b"a, old",
        "pool/1111111/js/a.js": b"a, old",
        "pool/named/CACHE/css/output.0123456789ab.css": b"hashed",
        "pool/named/CACHE/css/output.aaaaaaaaaaaa.css": b"hashed before",
    }.items():
        for name, data in ((path, text), (f"{path}.gz", gzip.compress(text, mtime=0))):
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            os.utime(file, (mtime_of(hashlib.sha256(data).hexdigest()),) * 2)
    (root / "current").symlink_to("releases/new")
    return root


@contextlib.contextmanager
def nginx(folder: Path, text: str, *settings: str, user: str = "root") -> Iterator[int]:
    """Run an nginx with this server and these settings in http { }; yield its port."""
    folder.mkdir(parents=True)
    with kept_port() as port:
        config = nginx_config(text.replace("PORT", str(port)), folder).replace(
            "user root", f"user {user}"
        )
        inherited = "".join(f"    {one}\n" for one in settings)
        for name in re.findall(
            r"^\s*(\w+)", inherited, re.MULTILINE
        ):  # one that stands there already
            config = re.sub(rf"^    {name} [^;]*;\n", "", config, count=1, flags=re.MULTILINE)
        file = folder / "nginx.conf"
        file.write_text(config.replace("http {\n", f"http {{\n{inherited}", 1))
        log = folder / "http.log"
        server = subprocess.Popen(
            ["/usr/sbin/nginx", "-e", str(log), "-p", str(folder), "-c", str(file)],
            stderr=subprocess.DEVNULL,
        )
        try:
            assert listens(server, port), log.read_text()
            yield port
        finally:
            server.terminate()
            server.wait()


def snippet(root: Path, **more: object) -> str:
    return nginx_server(root, "127.0.0.1:PORT", **more)  # type: ignore[arg-type]


def ask(port: int, path: str, **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with contextlib.closing(connection):
        connection.request(
            "GET", path, headers={name.replace("_", "-"): one for name, one in headers.items()}
        )
        said = connection.getresponse()
        shown = {name: said.headers.get_all(name) or [] for name in SHOWN}
        return said.status, shown, said.read()


def asking(path: str, **headers: str) -> Callable[[int, Path], Answer]:
    return lambda port, _root: ask(port, f"/static/{path}", **headers)


def asking_again(port: int, root: Path) -> Answer:
    """Ask with the validators of the first answer."""
    first = ask(port, "/static/js/a.js")
    return ask(port, "/static/js/a.js", If_None_Match=first[1]["ETag"][0])


def after_a_rollback(port: int, root: Path) -> Answer:
    """Ask with the time of what was live, which is later than that of what is live now."""
    return ask(port, "/static/js/a.js", If_Modified_Since="Sat, 01 Jan 2028 00:00:00 GMT")


def after_a_flip(port: int, root: Path) -> Answer:
    def flip(release: str) -> None:
        (root / "aside").symlink_to(f"releases/{release}")
        (root / "aside").rename(root / "current")

    ask(port, "/static/js/a.js")
    flip("old")
    try:
        return ask(port, "/static/js/a.js")
    finally:
        flip("new")


NO_TYPES = re.compile(r" +types \{.*?\n +\}\n", re.DOTALL)

# what http { } says, what of the snippet answers it, and the question whose answer it would change
TABLE = [
    ("open_file_cache max=1000 inactive=60s;", "open_file_cache", after_a_flip),
    ("disable_symlinks on;", "disable_symlinks", asking("js/a.js")),
    ("etag off;", "etag", asking("js/a.js")),
    ("if_modified_since before;", "if_modified_since", after_a_rollback),
    ("expires 30d;", "expires", asking("js/a.js")),
    ("expires epoch;", "expires", asking("js/a.js?version=1111111")),
    ("charset koi8-r;", "charset", asking("page.html")),
    (
        "charset_map windows-1251 koi8-r { C3 41; } charset koi8-r; source_charset windows-1251;",
        "charset",
        asking("page.html"),
    ),
    ("ssi on;", "ssi", asking("page.html")),
    ("userid on; userid_name uid;", "userid", asking("js/a.js")),
    ("default_type text/html;", "default_type", asking("noending")),
    ("types { text/plain mjs js; }", NO_TYPES, asking("js/page.mjs")),
    ("types { text/plain mjs js; }", NO_TYPES, asking("site.webmanifest")),
    ("gzip_static always;", "gzip_static", asking("js/a.js")),
    ("gzip_proxied off;", "gzip_proxied", asking("js/a.js", Accept_Encoding="gzip", Via="1.1 x")),
    ("gzip_vary off;", "gzip_vary", asking("js/a.js", Accept_Encoding="gzip")),
    ("add_header Cache-Control private;", "add_header Cache-Control", asking("js/a.js")),
    (
        "recursive_error_pages on; error_page 404 https://example.com/;",
        "recursive_error_pages",
        asking("gone.js"),
    ),
    ("error_page 404 https://example.com/;", "error_page", asking("gone.js")),
]


@pytest.mark.parametrize(
    ("setting", "ours", "question"), TABLE, ids=[f"{at} {row[0]}" for at, row in enumerate(TABLE)]
)
def test_a_setting_of_http_changes_no_answer(
    tmp_path: Path,
    root: Path,
    setting: str,
    ours: str | re.Pattern[str],
    question: Callable[[int, Path], Answer],
) -> None:
    """Without our line the setting does change it: the line is needed (fleet A2, build A9)."""
    text = snippet(root)
    line = ours if isinstance(ours, re.Pattern) else re.compile(rf"^ +{ours}\b[^\n]*\n", re.M)
    without = line.sub("", text)
    assert without != text
    with nginx(tmp_path / "plain", text) as port:
        right = question(port, root)
    with nginx(tmp_path / "without", without, setting) as port:
        assert question(port, root) != right
    with nginx(tmp_path / "with", text, setting) as port:
        assert question(port, root) == right


def test_every_line_of_ours_is_in_the_table() -> None:
    names = {ours for _, ours, _ in TABLE if isinstance(ours, str)}
    assert {line.split()[0] for line in OWN_SETTINGS} <= names


@pytest.mark.parametrize(
    "setting",
    [
        "autoindex on;",
        "error_page 403 404 500 https://example.com/;",
        "log_not_found off;",
        "max_ranges 0;",
        "merge_slashes off;",
        "sendfile on; aio threads; directio 1;",
        "sendfile off; output_buffers 1 4k;",
        "types_hash_max_size 64; types_hash_bucket_size 32;",
        "add_header X-Frame-Options DENY; add_header Vary Cookie;",
        "root /etc;",
        "index index.html;",
        "msie_padding on; chunked_transfer_encoding off;",
        "gzip on; gzip_types *; gzip_min_length 1;",
    ],
)
def test_other_common_settings_do_no_harm(tmp_path: Path, root: Path, setting: str) -> None:
    with nginx(tmp_path / "nginx", snippet(root), setting) as port:
        status, headers, body = ask(port, "/static/js/a.js")
        assert (status, headers["Cache-Control"], body) == (200, [UNVERSIONED], b"a, new")
        assert headers["Content-Type"] == ["text/javascript"]
        assert set(headers["Vary"]) <= {"Accept-Encoding"}
        status, headers, body = ask(port, "/static/js/a.js?version=1111111")
        assert (status, headers["Cache-Control"], body) == (200, [IMMUTABLE], b"a, old")
        for path in ("gone.js", "js/", "js", "", "CACHE/", "gone.js?version=1111111"):
            status, headers, _ = ask(port, f"/static/{path}")
            assert (path, status, headers["Cache-Control"]) == (path, 404, ["no-store"])


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("js/page.mjs", "text/javascript"),
        ("js/a.js", "text/javascript"),
        ("site.webmanifest", "application/manifest+json"),
        ("noending", "application/octet-stream"),
        ("CACHE/css/output.0123456789ab.css", "text/css"),
    ],
)
def test_modules_and_web_manifests_have_their_types(
    tmp_path: Path, root: Path, path: str, kind: str
) -> None:
    """On stock nginx modules came as text/plain or as bytes, and browsers refused them (build A9)."""
    with nginx(tmp_path / "nginx", snippet(root)) as port:
        for encoding in ("identity", "gzip"):
            status, headers, _ = ask(port, f"/static/{path}", Accept_Encoding=encoding)
            assert (status, headers["Content-Type"]) == (200, [kind])


def test_a_file_is_immutable_by_record_alone_never_by_the_shape_of_its_name(
    tmp_path: Path, root: Path
) -> None:
    """A dated library looks like a content name; browsers kept its old bytes for a year (build A9b)."""
    with nginx(tmp_path / "nginx", snippet(root)) as port:
        asked = {
            path: ask(port, f"/static/{path}")[1]["Cache-Control"]
            for path in (
                "js/lib.202311221530.js",
                "CACHE/css/output.0123456789ab.css",
                "CACHE/css/output.aaaaaaaaaaaa.css",
                "CACHE/css/output.0123456789ab.css?version=1111111",
            )
        }
    assert asked == {
        "js/lib.202311221530.js": [UNVERSIONED],
        "CACHE/css/output.0123456789ab.css": [IMMUTABLE],
        "CACHE/css/output.aaaaaaaaaaaa.css": [IMMUTABLE],
        "CACHE/css/output.0123456789ab.css?version=1111111": ["no-store"],
    }
