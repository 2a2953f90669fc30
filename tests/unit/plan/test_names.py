from pathlib import Path

import pytest

from fab_static.host.agent.disk import aside
from fab_static.plan import names


@pytest.mark.parametrize(
    ("path", "shown", "why"),
    [
        ("img/latin\udce9.js", r"img/latin\xe9.js", "is not UTF-8: no URL that Django prints leads to it"),
        ("caf\udce9/site.css", r"caf\xe9/site.css", "is not UTF-8: no URL that Django prints leads to it"),
        ("\ud800.js", r"\ud800.js", "is not UTF-8: no URL that Django prints leads to it"),
        ("a\nb.js", r"a\nb.js", "holds a control character"),
        ("a\x1b[2Jb.js", r"a\x1b[2Jb.js", "holds a control character"),
        ("a\x85b.js", r"a\x85b.js", "holds a control character"),
        ("a\u2028b.js", r"a\u2028b.js", "holds a control character"),
        ("js\\app.js", r"js\app.js", "holds a backslash, and Django prints a slash for it"),
    ],
)  # fmt: skip
def test_a_name_that_no_url_leads_to_is_told_with_the_reason(path, shown, why):
    """(build A8) It went live, and the telling of it failed."""
    assert names.unusable(["site.css", path]) == {path: why}
    assert names.shown(path) == shown
    names.shown(path).encode("ascii")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "what?.js",
            "c#.js",
            "100%.js",
            "a%20b.js",
            "a+b&c=d;e.js",
            " both ",
            "dots..",
            "...",
            "*",
        ),
        *(
            "é.js",
            "e\u0301.js",
            "Logo.svg",
            "logo.svg",
            "\u202eabc.js",
            "😀.svg",
            "-rf",
            "~",
            "$uri",
        ),
    ],
)
def test_any_other_name_is_carried(path):
    assert names.unusable([path]) == {}
    assert names.shown(path) == path


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("css/.site.css.4711-0a1b2c3d-12", True),
        (".a.css.1-00000000-0", True),
        ("css/.hidden.css", False),
        ("css/site.css.4711-0a1b2c3d-12", False),
        ("css/.site.css.4711-0a1b2c3d-12.css", False),
    ],
)
def test_a_file_that_was_interrupted_before_it_had_its_name_is_known(
    path: str, is_one: bool
) -> None:
    assert names.is_half_written(path) is is_one


def test_what_a_host_writes_aside_has_such_a_name(tmp_path: Path) -> None:
    for name in ("site.css", "x" * 200, ".hidden", "a b\n.js"):
        assert names.is_half_written(aside(f"deep/folder/{name}")), name


def test_the_names_of_a_folder_are_one_hash_in_any_order() -> None:
    one = names.sha256_of_names(["b.js", "a/c\udce9.css"])
    assert one == names.sha256_of_names({"a/c\udce9.css": 1, "b.js": 2})
    assert one != names.sha256_of_names(["b.js"])
