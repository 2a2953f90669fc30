import dataclasses
import json
from hashlib import sha256
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.errors import ReleaseError
from fab_static.host.agent.taking import objects_of
from fab_static.plan.layout import Layout
from fab_static.plan.release import Encoded, File, Release, digest
from fab_static.plan.seal import from_json
from tests.releases import file_of, sealed

ID = "20261122T170102Z-3f9c1a7b"
DAMAGED = "deploy again; the damaged release is never made live"

# what os.fsdecode gives for any name on a disk: bytes that are no UTF-8 become lone surrogates
parts = st.one_of(
    st.binary(min_size=1, max_size=12).map(lambda data: data.replace(b"\0", b"0")),
    st.text(min_size=1, max_size=8, alphabet=st.characters(exclude_categories=["Cs"])).map(
        str.encode
    ),
).map(lambda data: data.replace(b"/", b"_").replace(b"\0", b"0").decode("utf-8", "surrogateescape"))
paths = st.lists(
    parts.filter(lambda part: part not in {"", ".", ".."}), min_size=1, max_size=3
).map("/".join)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
made = st.builds(Encoded, digests, st.integers(0, 1 << 40))
files = st.builds(
    File,
    digests,
    st.integers(0, 1 << 40),
    st.text("0123456789abcdef", min_size=7, max_size=7),
    st.dictionaries(st.sampled_from(["gz", "br"]), made, max_size=2),
    st.dictionaries(digests, made, max_size=2),
)


@st.composite
def any_release(draw):
    content = draw(st.dictionaries(paths, files, max_size=6))
    held = sorted(content)
    chosen = st.lists(st.sampled_from(held), unique=True) if held else st.just([])
    settings = st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=5) | st.integers())
    versions = {path: content[path].version for path in draw(chosen)}
    return Release(
        id=ID,
        app="shop",
        environment="production",
        revision=draw(st.none() | st.just("f" * 40)),
        created_at="2026-11-22T17:01:02Z",
        created_by=draw(st.text(st.characters(exclude_categories=["Cs"]))),
        settings=draw(settings),
        phases=tuple(draw(st.lists(st.just({"name": "compress", "seconds": 1.5}), max_size=2))),
        files=content,
        versions=versions,
        named=tuple(sorted(draw(chosen))),
        offline_manifest=draw(st.sampled_from([None, *held])),
        versions_sha256=(sha256 := draw(st.none() | digests)),
        versions_size=17 if sha256 else 0,
        bundles=dict.fromkeys(draw(chosen), ("a.html, css 1",)),
        staticfiles_manifest=draw(st.sampled_from([None, *held])),
    )


def a_release(**changes):
    content = {
        "js/a.js": File("a" * 64, 10, "aaaaaaa"),
        "CACHE/manifest.json": File("b" * 64, 20, "bbbbbbb"),
        "img/a copy.js": File("a" * 64, 10, "aaaaaaa"),
    }
    known = {
        "id": ID,
        "app": "shop",
        "environment": "production",
        "revision": "f" * 40,
        "created_at": "2026-11-22T17:01:02Z",
        "created_by": "anna@desk",
        "settings": {"STATIC_URL": "/static/"},
        "phases": ({"name": "compress", "seconds": 1.5},),
        "files": content,
        "versions": {"js/a.js": "aaaaaaa"},
        "named": (),
        "offline_manifest": "CACHE/manifest.json",
        "versions_sha256": "c" * 64,
        "versions_size": 30,
    }
    return Release(**{**known, **changes})


# ---- the seal


@given(any_release())
def test_a_seal_reads_back_as_the_same_release(release):
    text = release.to_json()
    assert text.isascii(), "it travels and is stored without loss, whatever the file names"
    assert from_json(text, where="edge1") == release
    assert from_json(text, where="edge1").to_json() == text


@given(any_release())
def test_the_digest_is_of_the_content_alone_not_of_time_or_author(release):
    """Two builds of one revision must be one release: else every deploy ships and flips for nothing."""
    later = dataclasses.replace(
        release,
        id="20991231T235959Z-00000000",
        created_at="2099-12-31T23:59:59Z",
        created_by="somebody else",
        phases=(),
        revision=None,
        files=dict(reversed(release.files.items())),
    )
    assert later.digest == release.digest


def test_a_seal_of_a_version_that_told_of_no_bundles_is_read_still():
    data = json.loads(a_release().to_json())
    del data["bundles"]
    assert from_json(json.dumps(data), where="edge1").bundles == {}


def test_the_digest_changes_with_bytes_names_manifest_and_settings():
    one = a_release()
    file = File("d" * 64, 10, "aaaaaaa")
    others = [
        dataclasses.replace(one, files={**one.files, "js/a.js": file}),
        dataclasses.replace(one, files={**one.files, "js/b.js": file}),
        dataclasses.replace(one, versions_sha256="d" * 64),
        dataclasses.replace(one, settings={"STATIC_URL": "/s/"}),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 5


@pytest.mark.parametrize("count", [0, 1, 1000, 1001, 2500])
def test_the_digest_of_many_files_is_that_of_the_whole_text(count):
    files = {f"img/{n}.png": File(f"{n:064x}", n, f"{n:07x}") for n in range(count)}
    names = sorted((path, file.sha256) for path, file in files.items())
    text = json.dumps([1, names, None, {"b": [], "a": "[]"}], sort_keys=True)
    assert digest(files, None, {"b": [], "a": "[]"}) == sha256(text.encode()).hexdigest()


def refused(text):
    with pytest.raises(ReleaseError) as caught:
        from_json(text, where="edge1: " + ID)
    assert caught.value.where == "edge1: " + ID
    return caught.value


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data["files"]["js/a.js"].update(sha256="d" * 64),
        lambda data: data["files"].pop("js/a.js"),
        lambda data: data["versions"].update(sha256="d" * 64),
        lambda data: data["settings"].update(STATIC_URL="/other/"),
        lambda data: data.update(digest="0" * 64),
        lambda data: data.pop("digest"),
        lambda data: data.update(id="../../etc"),
    ],
)
def test_a_seal_whose_content_was_changed_is_refused(damage):
    data = json.loads(a_release().to_json())
    damage(data)
    error = refused(json.dumps(data))
    assert error.what == "release.json is not what was sealed: its digest does not fit its content"
    assert error.mend == DAMAGED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "JSONDecodeError: "),
        ("{}", "KeyError: 'format'"),
        ("[]", "TypeError: "),
        ("null", "TypeError: "),
        ('{"format": 1', "JSONDecodeError: "),
        ('{"format": 1, "versions": 3, "offline_manifest": 4, "id": "x"}', "KeyError: 'app'"),
    ],
)
def test_what_is_no_seal_is_refused(text, why):
    error = refused(text)
    assert error.what.startswith("release.json cannot be read: " + why)
    assert error.mend == DAMAGED


def test_a_seal_of_another_format_says_what_to_do():
    data = {**json.loads(a_release().to_json()), "format": 2}
    error = refused(json.dumps(data))
    assert error.what == "release.json has format 2, and this fab_static knows 1"
    assert error.mend == "use the version of fab_static that sealed it, or deploy again"


@pytest.mark.parametrize("key", json.loads(a_release().to_json()))
@pytest.mark.parametrize("value", [None, 3, "x", [], {}, [[]], {"a": 1}])
def test_any_key_of_any_other_type_is_refused_or_read_never_a_traceback(key, value):
    data = {**json.loads(a_release().to_json()), key: value}
    try:
        from_json(json.dumps(data), where="edge1")
    except ReleaseError as error:
        assert error.mend  # noqa: PT017 - whether it raises is not the question


ELSEWHERE = {"../manifests/staticfiles/staticfiles.json": File("d" * 64, 40, "ddddddd")}
(NAMES,) = ELSEWHERE


def test_a_manifest_outside_the_static_root_is_sealed_beside_the_files():
    """(build A3)."""
    release = a_release(staticfiles_manifest=NAMES, manifests=ELSEWHERE)
    assert release.manifest(NAMES) == ELSEWHERE[NAMES]
    assert from_json(release.to_json(), where="edge1") == release
    assert release.objects(["web"]).keys() == {"b" * 64, "c" * 64, "d" * 64}
    assert release.objects(["build"])["d" * 64] == 40
    assert release.digest != a_release().digest
    assert Layout(PurePosixPath("/srv")).live_file(NAMES) == PurePosixPath(
        "/srv/current/manifests/staticfiles/staticfiles.json"
    )


def test_a_release_without_such_a_manifest_is_sealed_as_earlier_versions_did():
    """Its seal is compared with theirs byte for byte, and its id is of the same digest."""
    assert "manifests" not in json.loads(a_release().to_json())


@pytest.mark.parametrize("name", ["../manifests/../../x", "../manifests/", "/etc/passwd", "a.js"])
def test_a_manifest_whose_name_leads_elsewhere_is_refused(name):
    text = a_release(manifests={name: File("d" * 64, 40, "ddddddd")}).to_json()
    with pytest.raises(ReleaseError):
        from_json(text, where="edge1")


def test_each_role_holds_what_it_serves_and_no_more():
    release = a_release()
    web = {"c" * 64: 30, "b" * 64: 20}
    assert release.objects(["web"]) == web
    assert release.objects(["static"]) == {**web, "a" * 64: 10}
    assert release.objects(["build"]) == release.objects(["web", "static"])
    assert a_release(staticfiles_manifest="js/a.js").objects(["web"]) == {**web, "a" * 64: 10}
    assert release.bytes == 40
    assert release.offline_manifest_sha256 == "b" * 64
    assert a_release(offline_manifest=None).offline_manifest_sha256 is None


@pytest.mark.parametrize("path", ["../x.js", "/etc/passwd", "a/../../x", "a//b", "", "a/.", "a\0b"])
def test_a_release_holds_no_name_that_leads_outside(path):
    """A build host lists the files, and every other host would write them (fleet D)."""
    with pytest.raises(ReleaseError, match="is not a path inside the static root"):
        dataclasses.replace(a_release(), files={path: File("0" * 64, 1, "0" * 7)})


def test_deltas_go_where_files_are_served_and_are_no_content():
    """Another zstd makes other deltas: the release is the same, and so is its name."""
    release = a_release()
    path = next(iter(release.files))
    delta = Encoded("e" * 64, 96)
    with_delta = dataclasses.replace(
        release,
        files={
            **release.files,
            path: dataclasses.replace(release.files[path], deltas={"f" * 64: delta}),
        },
    )
    assert with_delta.digest == release.digest
    assert with_delta.objects(["static"]) == {**release.objects(["static"]), "e" * 64: 96}
    assert with_delta.objects(["web"]) == release.objects(["web"])


@pytest.mark.parametrize("roles", [["build"], ["static"], ["web"], ["static", "web"]])
def test_a_host_takes_in_the_objects_that_the_operator_says_it_needs(roles):
    """Each works them out by itself, of the same seal."""
    release = sealed({"a.js": "a", "b.css": "b"}, versions={"a.js": "1234567"})
    assert objects_of(json.loads(release.to_json()), roles) == release.objects(roles)


def test_of_a_file_with_a_gzip_copy_only_the_copy_is_sent_to_who_serves_it():
    """A host makes the file of it. A web host needs the manifest alone, and holds no copies."""
    sheet = dataclasses.replace(
        file_of("sheet"), encodings={"gz": Encoded("c" * 64, 3), "br": Encoded("b" * 64, 2)}
    )
    release = dataclasses.replace(
        sealed({"a.css": "sheet", "a.png": "image"}), files={"a.css": sheet}
    )
    lacking = {sheet.sha256: 5, "c" * 64: 3, "b" * 64: 2, file_of("image").sha256: 5}
    sent = {"c" * 64: 3, "b" * 64: 2, file_of("image").sha256: 5}
    assert release.to_send(lacking, ["static"]) == sent
    assert release.to_send(lacking, ["build", "web"]) == sent
    assert release.to_send(lacking, ["web"]) == lacking
    assert release.to_send({sheet.sha256: 5}, ["static"]) == {}


def test_hosts_that_hold_all_files_share_what_they_must_hold():
    """A release of 20,000 files is 1 MB of them, and a fleet has hosts of many kinds."""
    release = sealed({"a.txt": "a", "b.txt": "b"}, versions_sha256="1" * 64)
    found = release.objects_of_each({("build",), ("static", "web"), ("web",)})
    assert found[("build",)] is found[("static", "web")]
    assert found == {roles: release.objects(roles) for roles in found}
