"""The modules of a RequireJS bundle, read from what r.js wrote."""

import pytest

from fab_static.plan.amd import changes, modules_of

BUNDLE = 'define("a/b",["c"],function(c){});\ndefine(\'c\', function () { });\ndefine("d",[],1);'


def test_each_module_is_its_text_up_to_the_next_one() -> None:
    found = modules_of("/* r.js */" + BUNDLE)
    assert list(found) == ["a/b", "c", "d"]
    assert found["c"] == "define('c', function () { });\n"
    assert "".join(found.values()) == BUNDLE


@pytest.mark.parametrize("text", ["", "define([], 1)", 'undefine("x")', "define(name, 1)"])
def test_a_script_without_named_modules_has_none(text: str) -> None:
    assert modules_of(text) == {}


def test_what_became_of_modules_is_told_by_their_text() -> None:
    assert changes({"a": "1", "b": "1", "c": "1"}, {"b": "1", "c": "2", "d": "1"}) == {
        "added": ["d"],
        "changed": ["c"],
        "removed": ["a"],
    }
