import dataclasses
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.errors import ReleaseError
from fab_static.plan import release as releases
from fab_static.plan.release import (
    Activation,
    File,
    Layout,
    Release,
    bad,
    goes_back,
    previous,
    to_prune,
)

ID = "20261122T170102Z-3f9c1a7b"
DAMAGED = "deploy anew; the damaged release is never made live"

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
files = st.builds(
    File, digests, st.integers(0, 1 << 40), st.text("0123456789abcdef", min_size=7, max_size=7)
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
    assert releases.from_json(text, where="edge1") == release
    assert releases.from_json(text, where="edge1").to_json() == text


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
    assert releases.from_json(json.dumps(data), where="edge1").bundles == {}


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
    assert releases.digest(files, None, {"b": [], "a": "[]"}) == sha256(text.encode()).hexdigest()


def test_an_id_says_when_and_what():
    at = datetime(2026, 11, 22, 17, 1, 2, tzinfo=UTC)
    assert releases.new_id(at, "3f9c1a7b" + "0" * 56) == ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "current",
        "../" + ID,
        ID + "/..",
        ID + "\n",
        ID.upper(),
        ID[:-1],
        ".." + ID[2:],
        "\u0662" * 8 + ID[8:],  # digits of another script
    ],
)
def test_only_the_exact_form_is_an_id(text):
    """Ids become paths on hosts."""
    assert releases.is_id(ID)
    assert not releases.is_id(text)


def refused(text):
    with pytest.raises(ReleaseError) as caught:
        releases.from_json(text, where="edge1: " + ID)
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
    assert error.mend == "use the version of fab_static that sealed it, or deploy anew"


@pytest.mark.parametrize("key", json.loads(a_release().to_json()))
@pytest.mark.parametrize("value", [None, 3, "x", [], {}, [[]], {"a": 1}])
def test_any_key_of_any_other_type_is_refused_or_read_never_a_traceback(key, value):
    data = {**json.loads(a_release().to_json()), key: value}
    try:
        releases.from_json(json.dumps(data), where="edge1")
    except ReleaseError as error:
        assert error.mend  # noqa: PT017 - whether it raises is not the question


ELSEWHERE = {"../manifests/staticfiles/staticfiles.json": File("d" * 64, 40, "ddddddd")}
(NAMES,) = ELSEWHERE


def test_a_manifest_outside_the_static_root_is_sealed_beside_the_files():
    """(build A3)."""
    release = a_release(staticfiles_manifest=NAMES, manifests=ELSEWHERE)
    assert release.manifest(NAMES) == ELSEWHERE[NAMES]
    assert releases.from_json(release.to_json(), where="edge1") == release
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
        releases.from_json(text, where="edge1")


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


def test_the_layout_is_the_designs():
    layout = Layout(PurePosixPath("/srv/shop/static"))
    assert str(layout.current) == "/srv/shop/static/current"
    assert str(layout.release(ID)) == f"/srv/shop/static/releases/{ID}"
    assert str(layout.versions) == "/srv/shop/static/current/resource_versions.yml"
    assert (
        str(layout.live_file("CACHE/manifest.json"))
        == "/srv/shop/static/current/static/CACHE/manifest.json"
    )


# ---- the record


A, B, C, D = (f"2026112{day}T170102Z-0000000{day}" for day in range(1, 5))


def lived(*activations):
    """Return a record: each release live for 100 seconds; (X, Y) is a rollback to X that put Y out."""
    return [
        Activation(one, at * 100.0)
        if isinstance(one, str)
        else Activation(one[0], at * 100.0, one[1])
        for at, one in enumerate(activations)
    ]


def test_previous_is_what_was_live_before():
    assert previous(lived(A, B, C), C, [A, B, C]) == B


def test_previous_passes_over_releases_that_are_gone():
    assert previous(lived(A, B, C), C, [A, C]) == A
    assert previous(lived(A, B, C), C, [C]) is None


def test_previous_passes_over_a_release_that_a_rollback_put_out_of_service():
    record = lived(A, B, (A, B), C)
    assert bad(record) == {B}
    assert previous(record, C, [A, B, C]) == A


def test_a_rollback_of_a_rollback_goes_further_back_never_forth():
    record = lived(A, B, C, (B, C))
    assert previous(record, B, [A, B, C]) == A
    record = [*record, Activation(A, 900.0, B)]
    assert bad(record) == {B, C}
    assert previous(record, A, [A, B, C]) is None


def test_a_release_that_was_made_live_again_is_bad_no_more():
    record = lived(A, B, (A, B), B, C)
    assert bad(record) == set()
    assert previous(record, C, [A, B, C]) == B


def test_previous_of_the_first_release_is_none():
    assert previous(lived(A), A, [A]) is None
    assert previous([], A, [A]) is None


def test_previous_is_never_the_live_one_itself():
    assert previous(lived(A, A, A), A, [A]) is None


ids = st.integers(0, 30).map(lambda n: f"20261122T1701{n:02}Z-{n:08x}")


@st.composite
def records(draw):
    """A record as operators make it: deploys of what is there, and rollbacks from the live release."""
    record, at = [], 0.0
    for name in draw(st.lists(ids, max_size=12)):
        at += draw(st.floats(1, 1e6))
        live = record[-1].release if record else None
        record.append(Activation(name, at, live if live and name < live else None))
    return record


@given(records(), st.sets(ids))
def test_previous_was_live_is_there_is_not_bad_and_not_the_live_one(record, there):
    live = record[-1].release if record else ID
    found = previous(record, live, there)
    if found is not None:
        assert found in there - {live} - bad(record)
        assert found in {activation.release for activation in record}


# ---- what may go


def pruned(there, record, live, *, keep=1, keep_for=0.0, now=10_000.0):
    return to_prune(there, record, live=live, keep=keep, keep_for_seconds=keep_for, now=now)


def test_going_back_is_by_record_even_where_a_promoted_release_is_older_than_what_it_replaced():
    """Else a second rollback would make live again what the first one put out of service."""
    newer, promoted = "20261122T120000Z-00000000", "20261122T110000Z-00000000"
    record = [Activation(newer, 1), Activation(promoted, 2)]
    assert goes_back(record, promoted, newer)
    assert not goes_back(record, promoted, promoted)
    after = [*record, Activation(newer, 3, rolled_back=promoted)]
    assert previous(after, newer, {newer, promoted}) is None
    assert not goes_back(after, newer, promoted)  # forth again, by name


def test_of_a_release_that_was_never_live_the_id_says_whether_it_is_older():
    record = [Activation("20261122T120000Z-00000000", 1)]
    assert goes_back(record, record[0].release, "20261122T110000Z-00000000")
    assert not goes_back(record, record[0].release, "20261122T130000Z-00000000")


def test_prune_keeps_the_live_release_even_when_it_is_the_oldest():
    assert pruned([A, B, C], lived(A, B, C, A), A) == [B]


def test_prune_keeps_a_release_that_a_rollback_marked_bad():
    """Somebody will want to see what was wrong with it."""
    assert pruned([A, B], lived(A, B, (A, B)), A) == []


def test_prune_keeps_the_one_before_the_live_one():
    """Else there is nothing to roll back to."""
    assert pruned([A, B, C, D], lived(A, B, C, D), D) == [A, B]


def test_prune_keeps_the_last_few_that_were_once_live():
    assert pruned([A, B, C, D], lived(A, B, C, D), D, keep=3) == [A]
    assert pruned([A, B, C, D], lived(A, B, C, D), D, keep=4) == []


def test_prune_keeps_what_was_live_within_keep_for():
    """A page that was loaded then still asks for its files."""
    record = lived(A, B, C, D)  # A until 100, B until 200, C until 300
    assert pruned([A, B, C, D], record, D, keep_for=9850.0) == [A]
    assert pruned([A, B, C, D], record, D, keep_for=9950.0) == []


def test_prune_counts_keep_for_from_the_end_of_being_live():
    record = [Activation(A, 0), Activation(B, 9_000), Activation(C, 9_100), Activation(D, 9_200)]
    assert pruned([A, B, C, D], record, D, keep_for=1500.0) == []


def test_prune_removes_what_was_never_live_once_something_newer_is():
    assert pruned([A, B, C], lived(A, C), C) == [B]


def test_prune_keeps_what_is_prepared_and_not_yet_live():
    assert pruned([A, B], lived(A), A) == []
    assert pruned([A, B], [], None) == []


@given(
    st.sets(ids),
    records(),
    st.integers(1, 6),
    st.floats(0, 1e7),
    st.booleans(),
)
def test_prune_never_takes_the_live_the_previous_or_the_recent(
    there, record, keep, keep_for, agreed
):
    live = record[-1].release if record and agreed else None
    now = (record[-1].at if record else 0.0) + 1000.0
    gone = pruned(there, record, live, keep=keep, keep_for=keep_for, now=now)
    assert gone == sorted(gone)
    assert set(gone) <= there
    assert live not in gone
    if live:
        assert previous(record, live, there) not in gone
    for at, activation in enumerate(record):
        end = record[at + 1].at if at + 1 < len(record) else now
        if now - end < keep_for:
            assert activation.release not in gone
    once_live = {activation.release for activation in record}
    assert len((there - set(gone)) & once_live) >= min(keep, len(there & once_live))
    left = there - set(gone)
    assert pruned(left, record, live, keep=keep, keep_for=keep_for, now=now) == [], "repeatable"


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=120), st.integers(1, 5))
def test_however_often_one_goes_forth_and_back_a_bounded_number_of_releases_stays(steps, keep):
    """Bad ones were never pruned: 15 stayed where 3 were to be kept (fleet D8)."""
    names = [f"20261122T12{n // 60:02}{n % 60:02}Z-00000000" for n in range(61)]
    record = []
    for at, (n, is_back) in enumerate(steps):
        before = record[-1].release if record else None
        wrong = before if is_back and before != names[n] else None
        record.append(Activation(names[n], float(at), rolled_back=wrong))
    live = record[-1].release if record else None
    gone = pruned(names, record, live, keep=keep)
    assert live not in gone
    assert len(names) - len(gone) <= 2 + 2 * keep + max(keep, 5)


@pytest.mark.parametrize("path", ["../x.js", "/etc/passwd", "a/../../x", "a//b", "", "a/.", "a\0b"])
def test_a_release_holds_no_name_that_leads_outside(path):
    """A build host lists the files, and every other host would write them (fleet D)."""
    with pytest.raises(ReleaseError, match="is not a path inside the static root"):
        dataclasses.replace(a_release(), files={path: File("0" * 64, 1, "0" * 7)})
