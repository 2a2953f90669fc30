import hashlib
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fab_static.errors import ManifestError
from fab_static.plan import versions

names = st.lists(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
        lambda part: part not in {".", ".."}
    ),
    min_size=1,
    max_size=4,
).map("/".join)
_NEITHER = "the resource versions are neither a list of {name, version} nor a mapping of texts"
hashes = st.text("0123456789abcdef", min_size=7, max_size=7)


def test_a_version_is_the_first_7_hex_digits_of_the_sha1():
    assert versions.of(b"body{}") == hashlib.sha1(b"body{}").hexdigest()[:7]


@given(st.dictionaries(names, hashes, max_size=20), st.sampled_from(versions.FORMS))
def test_what_is_written_reads_back_the_same_in_either_form(content, form):
    text = versions.write(content, form)
    assert versions.parse(text) == content
    assert versions.form_of(text) == form


@given(
    st.dictionaries(names, hashes, min_size=1, max_size=5),
    st.sampled_from(versions.FORMS),
    st.integers(0, 200),
    st.sampled_from(
        ["", "\n", " ", '"', "\\", "# a comment\n", "- name: x\n", "\u2028", "\t", "a"]
    ),
)
def test_what_is_read_without_yaml_is_what_yaml_reads(content, form, at, more):
    text = versions.write(content, form)
    text = text[:at] + more + text[at:]
    if found := versions._as_written(text):
        assert found == list(versions._entries(text, ""))


def test_what_we_write_is_read_without_yaml():
    content = {"js/a b'ü😀.js": "0123456", "b.css": "12e4567"}
    for form in versions.FORMS:
        assert dict(versions._as_written(versions.write(content, form))) == content


@given(st.dictionaries(names, hashes, max_size=20))
def test_other_yaml_readers_read_what_is_written(content):
    """HQ reads the file with yaml.safe_load: an unquoted 0123456 would be an int there."""
    assert yaml.safe_load(versions.write(content, "mapping")) == content
    listed = yaml.safe_load(versions.write(content, "list"))
    assert {each["name"]: each["version"] for each in listed} == content


@pytest.mark.parametrize(
    "version", ["0123456", "1234567", "12e4567", "0000000", "1_23456"[:7].replace("_", "0")]
)
@pytest.mark.parametrize("text", ["- name: a.js\n  version: {}\n", "a.js: {}\n"])
def test_an_unquoted_version_that_yaml_takes_for_a_number_is_read_exactly(text, version):
    assert versions.parse(text.format(version)) == {"a.js": version}


def test_the_file_is_sorted_and_every_version_quoted():
    content = {"b.js": "0123456", 'a "b" ö\\.js': "abcdef0"}
    assert versions.write(content) == (
        '- name: "a \\u0022b\\u0022 ö\\u005c.js"\n  version: "abcdef0"\n- name: "b.js"\n  version: "0123456"\n'
    )
    assert versions.write(content, "mapping").splitlines()[1] == '"b.js": "0123456"'


def test_the_form_of_an_existing_file_is_recognised():
    assert versions.form_of("- name: a\n  version: 1234567\n") == "list"
    assert versions.form_of("# by hand\n---\na: 1234567\n") == "mapping"
    assert versions.form_of("") == "list"
    assert versions.form_of("[]") == "list"
    assert versions.form_of("{}") == "mapping"
    assert versions.form_of("a: [") == "mapping"


def test_an_empty_file_holds_no_versions():
    for text in ("", "# nothing\n", "[]", "{}", "---\n"):
        assert versions.parse(text) == {}


def test_a_bundles_version_replaces_the_collected_one_and_no_name_is_lost():
    merged = versions.merge(
        {"a.js": "1111111", "b.js": "2222222"}, {"b.js": "3333333", "c.js": "4444444"}
    )
    assert merged == {"a.js": "1111111", "b.js": "3333333", "c.js": "4444444"}


def test_a_broken_file_is_told_with_its_line_and_how_to_mend_it():
    with pytest.raises(ManifestError) as told:
        versions.parse("- name: a\n  version: 'x\n", where="/srv/resource_versions.yml")
    assert str(told.value) == (
        "the resource versions are not YAML\n"
        "  where: /srv/resource_versions.yml, line 3\n"
        "  mend:  write the file again: manage.py resource_static"
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("just text", _NEITHER),
        ("- a\n", _NEITHER),
        ("- name: a\n", _NEITHER),
        ("a: [1234567]\n", _NEITHER),
        ("a: &x abcdef0\nb: *x\n", _NEITHER),
        ("a: 42798\n", "the version of a is '42798', not 7 hex digits of a SHA-1"),
        ("../a: abcdef0\n", "'../a' is not a path under the static root"),
        ("/etc/a: abcdef0\n", "'/etc/a' is not a path under the static root"),
        ("a//b: abcdef0\n", "'a//b' is not a path under the static root"),
    ],
)
def test_what_is_no_version_is_refused(text, what):
    with pytest.raises(ManifestError) as told:
        versions.parse(text)
    assert told.value.what == what


def test_a_yaml_bomb_is_refused_where_it_begins():
    """Deep nesting crashes the interpreter in yaml.load, and takes libyaml minutes to read to its end."""
    levels = "\n".join(f"  - &l{at} [{', '.join([f'*l{at - 1}'] * 9)}]" for at in range(1, 40))
    started = time.thread_time()
    for text in (
        f"a: &l0 [x]\nb:\n{levels}\n",
        "[" * 1_000_000,
        "{" * 1_000_000,
        "- " * 1_000_000,
        "? " * 9_000,
    ):
        with pytest.raises(ManifestError):
            versions.parse(text)
    assert time.thread_time() - started < 2


def test_a_name_that_yaml_cannot_hold_is_refused():
    with pytest.raises(ManifestError) as told:
        versions.write({"caf\udce9.js": "abcdef0"})
    assert told.value.mend == "rename the file, or skip it: FAB_STATIC_VERSIONS_SKIP"


def test_ten_thousand_names_are_written_in_an_instant():
    content = {f"some/app/js/module_{at}.js": f"{at:07x}" for at in range(10_000)}
    started = time.thread_time()
    text = versions.write(content)
    assert time.thread_time() - started < 0.5
    assert versions.parse(text) == content


def test_a_recorded_version_is_that_of_the_bytes_served_but_for_less_and_for_what_has_no_file():
    recorded = {"a.js": "1111111", "b.js": "2222222", "c.less": "3333333", "gone.js": "4444444"}
    served = {"a.js": "1111111", "b.js": "fffffff", "c.less": "fffffff", "new.js": "fffffff"}
    assert versions.wrong(recorded, served) == ["b.js"]


BUNDLE = b"define([]);\n//# sourceMappingURL=bundle.js.map"


def test_a_bundle_may_be_hashed_before_its_own_version_was_put_into_the_line_of_its_source_map():
    """CommCare HQ's build_requirejs does so; research saw 8ab6990 recorded and 556c7f7 served."""
    version = versions.of(BUNDLE)
    served = BUNDLE + b"?version=" + version.encode()
    assert versions.of(served) != version
    assert versions.is_of_unmapped(version, "cart/js/bundle.js", served)
    assert versions.is_of_unmapped(
        versions.of(BUNDLE + b"\n"),
        "bundle.js",
        (BUNDLE + b"?version=" + versions.of(BUNDLE + b"\n").encode()) + b"\n",
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("cart/js/bundle.js", BUNDLE + b"?version=0000000"),  # another's version
        ("cart/js/bundle.js", BUNDLE.replace(b"[]", b"[1]") + b"?version=%s"),
        ("cart/js/bundle.js", b"more\n" + BUNDLE + b"?version=%s"),
        ("cart/js/bundle.js", BUNDLE + b"?version=%s&more"),
        ("cart/js/list.js", BUNDLE + b"?version=%s"),
    ],
)
def test_exactly_that_line_of_a_bundle_is_allowed(name, data):
    version = versions.of(BUNDLE)
    assert not versions.is_of_unmapped(version, name, data.replace(b"%s", version.encode()))
