import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.plan.nginx import nginx_server
from fab_static.plan.precompressed import (
    KINDS,
    LEAST_BYTES,
    to_encode,
    to_encode_ahead,
    with_encodings,
)
from fab_static.plan.release import Encoded, File
from fab_static.plan.seal import from_json
from tests.unit.plan.test_release import a_release, any_release

BIG = LEAST_BYTES * 10


def a_file(name, size=BIG):
    """Return a file whose SHA-256 can be told from its name."""
    return File(name.encode().hex().rjust(64, "0")[-64:], size, "aaaaaaa")


def with_files(*names, size=BIG, manifest=None):
    files = {name: a_file(name, size) for name in names}
    return a_release(files=files, offline_manifest=manifest, versions={}, named=())


def chosen(release, encodings=("gzip",)):
    """Return the paths that are to be encoded, with their endings."""
    wanted = to_encode(release, encodings)
    return {path: wanted[f.sha256] for path, f in release.files.items() if f.sha256 in wanted}


@pytest.mark.parametrize(
    "name", ["a.css", "a.js", "deep/a.mjs", "a.js.map", "a.svg", "a.json", "A.JS", "fonts/a.ttf"]
)
def test_what_browsers_fetch_as_text_is_encoded(name):
    assert chosen(with_files(name)) == {name: ["gz"]}


@pytest.mark.parametrize(
    "name",
    [
        *("a.png", "a.jpg", "a.woff", "a.woff2", "a.mp4", "a.zip", "a.pdf", "a.js.gz", "a.css.br"),
        *("a.less", "a.scss", "a.coffee", "a.py", "js"),
    ],
)
def test_what_is_compressed_in_itself_or_never_fetched_is_not(name):
    assert chosen(with_files(name)) == {}


def test_what_is_smaller_than_cloudfront_compresses_is_left_alone():
    assert chosen(with_files("a.css", size=LEAST_BYTES - 1)) == {}
    assert chosen(with_files("a.css", size=LEAST_BYTES)) == {"a.css": ["gz"]}


def test_what_is_encoded_ahead_is_what_the_seal_will_ask_for():
    """Else the seal would wait for what nobody began, or the build host work for nothing."""
    release = with_files("a.css", "deep/a.js", "a.png", "a.less")
    small = with_files("small.css", size=LEAST_BYTES - 1)
    files = {
        path: (file.sha256, file.size, file.version)
        for path, file in {**release.files, **small.files}.items()
    }
    assert to_encode_ahead(files, ("gzip", "br")) == to_encode(release, ("gzip", "br"))
    assert to_encode_ahead(files, ()) == {}


def test_the_offline_manifest_is_for_the_server_and_not_encoded():
    manifest = "CACHE/manifest.json"
    release = with_files("a.json", manifest, manifest=manifest)
    assert chosen(release) == {"a.json": ["gz"]}


def test_a_file_gets_a_copy_for_the_pool_where_the_project_made_one_too():
    """Its own stands in the static root alone: pool entries promise their bytes (build A4)."""
    release = with_files("a.css", "a.css.gz")
    assert chosen(release) == {"a.css": ["gz"]}


def test_a_name_that_has_no_room_for_an_ending_gets_no_copy():
    """(build A8) Every host would refuse the release: File name too long."""
    short, long, wide = "a" * 249 + ".js", "b" * 250 + ".js", "ü" * 125 + ".js"
    assert chosen(with_files(short, f"deep/{long}", wide)) == {short: ["gz"]}


def test_bytes_under_two_names_are_encoded_once_and_only_where_it_is_wanted():
    same = File("5" * 64, BIG, "aaaaaaa")
    files = {"a.css": same, "b.css": same, "c.less": same, "b.css.gz": a_file("b.css.gz")}
    release = a_release(files=files, offline_manifest=None)
    assert to_encode(release, ["gzip"]) == {"5" * 64: ["gz"]}
    copy = Encoded("6" * 64, 5)
    found = with_encodings(release, {"5" * 64: {"gz": copy}})
    assert found.files["a.css"].encodings == {"gz": copy}
    assert {path for path, file in found.files.items() if file.encodings} == {"a.css", "b.css"}


def test_none_asked_for_none_made():
    assert to_encode(with_files("a.css"), []) == {}


def test_a_copy_that_does_not_help_is_not_in_the_release():
    release = with_files("a.css", "b.css")
    one, other = (file.sha256 for file in release.files.values())
    copy = Encoded("6" * 64, 5)
    found = with_encodings(release, {one: {"gz": None}, other: {"gz": None, "br": copy}})
    assert found.files["a.css"].encodings == {}
    assert found.files["b.css"].encodings == {"br": copy}
    assert found.endings == {"br"}


def encoded(release):
    """Return the release with a copy of everything that may have one."""
    wanted = to_encode(release, ["gzip", "br"])
    return with_encodings(
        release,
        {
            sha256: {ending: Encoded("e" * 63 + ending[0], 7) for ending in endings}
            for sha256, endings in wanted.items()
        },
    )


@given(any_release())
def test_copies_change_neither_the_digest_nor_the_files_nor_their_bytes(release):
    """Another zlib must not make another release: every deploy would flip for nothing."""
    found = encoded(release)
    assert (found.digest, found.bytes) == (release.digest, release.bytes)
    assert found.files.keys() == release.files.keys()
    assert from_json(found.to_json(), where="edge1") == found


@given(st.sampled_from(KINDS))
def test_copies_are_objects_of_build_and_static_hosts_alone(kind):
    release = with_files("x" + kind)
    copies = {"e" * 63 + "g": 7, "e" * 63 + "b": 7}
    found = encoded(release)
    for roles in (["build"], ["static"], ["static", "web"]):
        assert found.objects(roles) == release.objects(roles) | copies
    assert found.objects(["web"]) == release.objects(["web"])


def test_a_seal_without_copies_reads_and_writes_as_it_always_did():
    release = with_files("a.css")
    assert "encodings" not in release.to_json()
    assert from_json(release.to_json(), where="edge1").endings == frozenset()


@pytest.mark.parametrize(
    ("encodings", "words"),
    [
        ((), set()),
        (("gzip",), {"gzip_static", "gzip_proxied", "gzip_http_version", "gzip_vary"}),
        (("br",), {"brotli_static", "gzip_vary"}),
    ],
)
def test_nginx_is_told_of_the_encodings_that_releases_hold(encodings, words):
    """An nginx without the module of an encoding that nobody asked for must still start."""
    text = nginx_server("/srv", "80", precompressed=encodings)
    told = [line.split()[0] for line in text.splitlines() if re.match(" +(gzip|brotli)_", line)]
    assert set(told) == words
    assert len(told) == len(words), "in the one location that serves files"


def test_no_copy_is_made_where_its_name_is_a_folder():
    """They cannot both stand in a static root (build A10)."""
    release = with_files("a.js", "a.js.gz/b/c.js")
    assert chosen(release, ("gzip", "br")) == {"a.js": ["br"], "a.js.gz/b/c.js": ["gz", "br"]}


@pytest.mark.parametrize("letter", ["a", "é"])
def test_a_name_that_would_be_too_long_with_an_ending_gets_no_copy(letter):
    """A name of 253 bytes is a good one, and with .gz it is none (fleet D)."""
    size = len(letter.encode())
    longest = letter * (249 // size) + "x" * (249 % size) + ".js"  # 252 bytes, and .gz
    assert list(chosen(with_files(longest))) == [longest]
    assert list(chosen(with_files("x" + longest))) == []
    assert list(chosen(with_files("deep/" + longest))) == ["deep/" + longest]


def test_zstd_is_kept_only_where_it_is_the_smallest():
    """Nginx looks for it first: a browser that takes all would get the larger one."""
    release = with_files("a.js")
    sha256 = release.files["a.js"].sha256
    found = {"gz": Encoded("1" * 64, 30), "br": Encoded("2" * 64, 20), "zst": Encoded("3" * 64, 25)}
    assert with_encodings(release, {sha256: found}).endings == {"gz", "br"}
    without = {"gz": found["gz"], "zst": found["zst"]}
    assert with_encodings(release, {sha256: without}).endings == {"gz", "zst"}
