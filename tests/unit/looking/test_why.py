"""What is known of a manifest's key: which blocks have it."""

from types import SimpleNamespace

import pytest

from fab_static.looking.why import (
    _modules,
    _rebuilt,
    _verdict_of_key,
    blocks_of,
    made_of,
    whole_key,
)


def block(template, key, **words):
    return {
        "template": template,
        "in": template,
        "block": 0,
        "line": 1,
        "context": 0,
        "key": key,
        **words,
    }


def test_every_place_that_renders_a_key_is_named_once_with_its_text():
    answer = {
        "rendered": [
            block("a.html", "k"),
            block("a.html", "k", context=1),
            block("b.html", "k"),
            block("c.html", "other"),
        ],
        "texts": {"k": "K", "other": "O"},
        "untranslated": [block("c.html", "k", language="de", text="K")],
    }
    assert [
        (each["template"], each["text"], each.get("language")) for each in blocks_of(answer, "k")
    ] == [
        ("a.html", "K", None),
        ("b.html", "K", None),
        ("c.html", "K", "de"),
    ]
    assert blocks_of(answer, "gone") == []


def test_of_a_bundle_its_block_and_what_that_takes_in_are_known():
    text = "<link rel=stylesheet href='/static/a.css'>\n<script src=/static/b.js></script><b>c</b>"
    (met,) = blocks_of(
        {"rendered": [block("a.html", "k")], "texts": {"k": text}, "untranslated": []}, "k"
    )
    assert made_of(met) == {
        "template": "a.html",
        "block": 0,
        "line": 1,
        "language": None,
        "sources": ["/static/a.css", "/static/b.js"],
        "imports": [],
    }


def test_a_key_is_known_by_its_first_digits_as_messages_show_them():
    known = [{"aab": 1, "abc": 2}, ["aab", "abd"]]
    assert whole_key("aa", known) == "aab"
    assert whole_key("ab", known) == "ab"
    assert whole_key("b", known) == "b"


@pytest.mark.parametrize(
    ("is_live", "holders", "asked", "verdict"),
    [
        (True, ["R2"], [{}], "the live manifest has it"),
        (
            True,
            ["R2"],
            [],
            "the live manifest has it; no template asks for it now, as far as the offline contexts tell",
        ),
        (
            False,
            [],
            [{}],
            "the live manifest lacks it: pages that ask for it raise OfflineGenerationError",
        ),
        (
            False,
            ["R0", "R1"],
            [],
            "the live manifest lacks it: pages that ask for it raise OfflineGenerationError; R1 had it: a "
            "process that asks for it now runs older templates, and was not reloaded",
        ),
        (
            False,
            [],
            [],
            "the live manifest lacks it: pages that ask for it raise OfflineGenerationError; no template "
            "renders it with the offline contexts: the page that does gave it other values (see "
            "COMPRESS_OFFLINE_CONTEXT), or its process runs other templates or settings",
        ),
    ],
)
def test_the_verdict_says_where_to_look(is_live, holders, asked, verdict):
    assert _verdict_of_key(is_live, holders, asked) == verdict


def test_of_a_requirejs_bundle_its_modules_are_known_and_which_of_them_changed():
    texts = {
        "old": b'define("a",[],1);\ndefine("b",[],1);',
        "new": b'define("a",[],1);\ndefine("b",[],2);\ndefine("c",[],3);',
        "small": b"shrunk",
        "map": b'{"sourcesContent": ["define(\\"a\\",[],1);"]}',
    }
    deploy = SimpleNamespace(object=texts.__getitem__)

    def release(name, **files):
        return SimpleNamespace(
            id=name,
            bundles={"js/all.js": (), "CACHE/a.js": ("page.html, js 1",)},
            files={path: SimpleNamespace(sha256=sha256) for path, sha256 in files.items()},
        )

    old, new = release("R1", **{"js/all.js": "old"}), release("R2", **{"js/all.js": "new"})
    modules = _modules(deploy, new, "js/all.js")
    assert list(modules) == ["a", "b", "c"]
    kept = {"R1": old, "R2": new}
    assert _rebuilt(deploy, new, "js/all.js", kept, modules) == {
        "since": "R1",
        "added": ["c"],
        "changed": ["b"],
        "removed": [],
    }
    assert _rebuilt(deploy, old, "js/all.js", kept, modules) is None
    minified = release("R3", **{"js/all.js": "small", "js/all.js.map": "map"})
    assert list(_modules(deploy, minified, "js/all.js")) == ["a"]
    assert _modules(deploy, new, "CACHE/a.js") == {}
    assert _modules(deploy, new, "js/other.js") == {}
