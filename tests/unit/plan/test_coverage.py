"""What an operator reads when a page would miss its compress block."""

import pytest

from fab_static.phases.compress import gaps_refused
from fab_static.plan import coverage
from fab_static.plan.coverage import Block, Difference
from fab_static.plan.coverage_cures import cures

SCRIPT = '<script src="/static/js/NAME.js?version=VERSION"></script>'


def script(name, version):
    return SCRIPT.replace("NAME", name).replace("VERSION", version)


def block(template, text, *, at=0, line=3, key="k"):
    return Block(template, at, line, template, key, text)


def gap(**words):
    place = {
        "engine": "django",
        "template": "page.html",
        "in": "page.html",
        "block": 0,
        "line": 3,
        "context": 0,
    }
    return {**place, **words}


def answer(**kinds):
    names = ("missing", "failed", "broken", "untranslated", "unfilled", "ambiguous")
    return {**{name: [] for name in names}, **kinds}


# --- the nearest built block ---


def test_the_block_of_the_same_place_is_nearest_even_where_another_is_as_much_alike():
    there = block("page.html", script("a", "1a2b3c4"))
    twin = block("other.html", script("a", "9a2b3c4"), key="l")
    assert coverage.nearest(block("page.html", script("a", "5a2b3c4")), [twin, there]) is there


def test_where_blocks_were_added_before_it_the_most_alike_is_nearest():
    new = block("page.html", "p { color: red }", key="new")
    moved = block("page.html", script("cart", "1a2b3c4"), at=1, key="moved")
    missing = block("page.html", script("cart", "5a2b3c4"))
    assert coverage.nearest(missing, [new, moved]) is moved


def test_of_several_offline_contexts_the_most_alike_is_nearest():
    contexts = [block("page.html", script(name, "1"), key=name) for name in ("dark", "light")]
    assert coverage.nearest(block("page.html", script("light", "2")), contexts).key == "light"
    assert coverage.nearest(block("page.html", script("dark", "2")), contexts).key == "dark"


def test_nothing_is_nearest_where_nothing_was_built():
    assert coverage.nearest(block("page.html", "x"), []) is None
    assert coverage.describe(block("page.html", "x"), []) == [
        "the build host renders no block of this manifest now, to compare with: its checkout, settings "
        "or libraries have changed since the build"
    ]


def test_only_blocks_whose_key_the_manifest_holds_were_built():
    told = {
        "rendered": [gap(key="a"), gap(key="b", block=1, **{"in": "base.html"})],
        "texts": {"a": "A", "b": "B"},
    }
    assert coverage.built_blocks(told, {"b": "<script>"}) == [
        Block("page.html", 1, 3, "base.html", "b", "B")
    ]
    assert [each.key for each in coverage.built_blocks(told)] == ["a", "b"]


# --- the first difference ---


@pytest.mark.parametrize(
    ("built", "here", "expected"),
    [
        ("a\nb\nc", "a\nx\nc", Difference(2, "b", "x", only_whitespace=False)),
        ("a\n  b", "a\n\tb", Difference(2, "  b", "\tb", only_whitespace=True)),
        ("a\r\nb", "a\nb", Difference(1, "a\r", "a", only_whitespace=True)),
        ("a\nb\n", "a\nb", Difference(3, "", None, only_whitespace=True)),
        ("a", "a\nb", Difference(2, None, "b", only_whitespace=False)),
        ("a\n\nb", "a\nb", Difference(2, "", "b", only_whitespace=True)),
        ("a\n\nb", "a\nc", Difference(2, "", "c", only_whitespace=False)),
        ("a b\nx", "ab\ny", Difference(1, "a b", "ab", only_whitespace=True)),
        ("same", "same", None),
    ],
)
def test_the_first_difference_is_a_line_of_both(built, here, expected):
    assert coverage.first_difference(built, here) == expected


def test_static_url_does_not_count_since_keys_do_not_hold_it():
    built, here = "/static/a.js\n/static/b.js", "/assets/a.js\n/assets/c.js"
    found = coverage.first_difference(built, here, ("/static/", "/assets/"))
    assert found == Difference(2, "/static/b.js", "/assets/c.js", only_whitespace=False)


def test_white_space_that_differs_is_made_visible():
    lines = coverage.describe(
        block("page.html", "<script>\n  a\tb\n</script>\r"),
        [block("page.html", "<script>\n  a    b\n</script>\r", key="other")],
    )
    assert lines == [
        "the nearest built block is page.html, block 0, line 3; they differ first in line 2, "
        "in white space alone:",
        "built: ··a····b",
        "here:  ··a→b",
    ]


def test_a_long_line_is_shown_around_the_place_where_it_differs():
    one, other = "x" * 300 + "OLD" + "y" * 300, "x" * 300 + "NEW" + "y" * 300
    lines = coverage.describe(block("p.html", other), [block("p.html", one, key="other")])
    assert lines[1:] == [
        "built: …" + "x" * 50 + "OLD" + "y" * 47 + "…",
        "here:  …" + "x" * 50 + "NEW" + "y" * 47 + "…",
    ]


def test_a_text_that_ends_sooner_is_told():
    lines = coverage.describe(block("p.html", "a"), [block("p.html", "a\n", key="other")])
    assert lines[1:] == ["built: (an empty line)", "here:  (nothing: it has ended)"]


# --- the messages, word for word ---


def test_a_missing_block_is_told_with_the_nearest_one_and_what_differs_between_the_hosts():
    here = {
        "libraries": {"django": "5.2.1", "django-compressor": "4.6.0", "rjsmin": "1.2.4"},
        "baked_in": {"STATIC_URL": "/static/", "STATIC_CDN": "", "DEBUG": True},
    }
    there = {
        "libraries": {"django": "4.2.7", "django-compressor": "4.6.0"},
        "baked_in": {"STATIC_URL": "/static/", "STATIC_CDN": "https://cdn", "DEBUG": True},
    }
    error = gaps_refused(
        answer(missing=[gap(key="3f9c1a7b2d4e5f60", text=script("cart", "5a2b3c4"))]),
        [block("page.html", script("cart", "1a2b3c4"))],
        where="web1: templates and settings there, release 20261122T170102Z-3f9c1a7b",
        differing=coverage.other_than(here, there, "build1"),
    )
    assert str(error) == (
        "a compress block would raise OfflineGenerationError:\n"
        "    page.html, block 0, line 3: its key 3f9c1a7b2d4e… is not in the manifest; it renders as\n"
        '        <script src="/static/js/cart.js?version=5a2b3c4"></script>\n'
        "      the nearest built block is page.html, block 0, line 3; they differ first in line 1:\n"
        '      built: <script src="/static/js/cart.js?version=1a2b3c4"></script>\n'
        '      here:  <script src="/static/js/cart.js?version=5a2b3c4"></script>\n'
        "    libraries that differ from build1's: django 5.2.1 here, 4.2.7 there; "
        "rjsmin 1.2.4 here, none there\n"
        "    settings that differ from build1's: STATIC_CDN none here, https://cdn there\n"
        "  where: web1: templates and settings there, release 20261122T170102Z-3f9c1a7b\n"
        "  mend:  build with the templates, settings, versions and libraries that web hosts render with"
    )


def test_hosts_that_are_alike_are_told_to_be_so():
    facts = {"libraries": {"django": "4.2"}, "baked_in": {"DEBUG": False}}
    assert coverage.other_than(facts, facts, "build1") == [
        "libraries and settings are those of build1"
    ]


def test_blocks_that_compress_lost_are_told_with_their_templates_and_reasons():
    error = gaps_refused(
        answer(
            broken=[
                {
                    "engine": "django",
                    "template": "broken.html",
                    "error": "TemplateSyntaxError: Invalid block tag on line 1: 'nothing'",
                    "has_compress": True,
                },
                {
                    "engine": "django",
                    "template": "harmless.html",
                    "error": "TemplateSyntaxError: 'nothing'",
                    "has_compress": False,
                },
            ],
            failed=[gap(error="ValueError: lost", line=None, context=2, **{"in": "base.html"})],
        ),
        [],
        where="build1: phase compress",
    )
    assert str(error) == (
        "2 compress blocks would raise OfflineGenerationError:\n"
        "    broken.html does not parse, and holds a compress block: TemplateSyntaxError: Invalid "
        "block tag on line 1: 'nothing'\n"
        "    page.html, block 0 of base.html, offline context 2 cannot be rendered for its key, and "
        "compress does not say so: ValueError: lost\n"
        "  where: build1: phase compress\n"
        "  mend:  correct the templates that fail"
    )


@pytest.mark.parametrize(
    "error",
    [
        "KeyError: 'USE_LOGIN'",
        "UndefinedError: 'site' is undefined",
        "VariableDoesNotExist: Failed lookup",
    ],
)
def test_a_block_that_lacks_a_value_is_told_where_to_give_it(error):
    assert cures(answer(failed=[gap(error=error)])) == (
        "correct the templates that fail; or give what they look for in COMPRESS_OFFLINE_CONTEXT"
    )


def test_many_missing_blocks_are_counted_and_the_first_shown():
    missing = [gap(key=f"{n:064}", text="x", block=n) for n in range(30)]
    told = str(gaps_refused(answer(missing=missing), [], where="build1"))
    assert told.startswith("30 compress blocks would raise")
    assert "page.html, block 19" in told
    assert "page.html, block 20" not in told
    assert "\n    … and 10 more\n" in told


@pytest.mark.parametrize(
    ("told", "cure"),
    [
        (
            answer(missing=[gap(key="k", text="", engine="jinja2")]),
            "build Jinja2 too: build.commands: {compress: manage.py compress --force --engine django "
            "--engine jinja2}",
        ),
        (
            answer(missing=[gap(key="k", text="", template="page.xhtml")]),
            "name endings other than .html in build.commands.compress: manage.py compress --extension",
        ),
        (
            answer(
                broken=[
                    {
                        "engine": "django",
                        "template": "page.html",
                        "error": "TemplateSyntaxError: Invalid template name in 'extends' tag: ''",
                        "has_compress": True,
                    }
                ]
            ),
            "give variable parents of `extends` in COMPRESS_OFFLINE_CONTEXT",
        ),
    ],
)
def test_the_cure_fits_the_cause(told, cure):
    assert cure in cures(told)


def test_a_block_that_other_languages_render_otherwise_is_told_with_the_languages():
    told = answer(
        untranslated=[
            gap(language=code, key="k", text="") for code in ("de", "fr", "pl", "it", "es")
        ]
    )
    assert coverage.problems(told) == [
        "page.html, block 0, line 3: visitors in de, fr, pl, it and 1 more get another text than was built"
    ]
    assert cures(told) == (
        "keep translated text out of the block, or its language out of LANGUAGES"
    )


def test_what_stops_no_release_is_told_in_a_line_each():
    told = answer(
        broken=[
            {"engine": "django", "template": template, "error": error, "has_compress": False}
            for template, error in [
                ("x.html", "E: no"),
                ("y.html", "E: no tag library. Must be one of:\ncache\ni18n"),
                ("z.html", "E: no"),
            ]
        ],
        unfilled=[gap(variables=["user.id"])],
        ambiguous=[
            {"key": "k", "blocks": [gap(form="js file"), gap(form="js inline", template="b.html")]}
        ],
    )
    assert coverage.is_covered(told)
    assert coverage.advice(told) == [
        "x.html, z.html do not parse, and hold no compress block: E: no",
        "y.html does not parse, and holds no compress block: E: no tag library.",
        "page.html, block 0, line 3: no offline context gives user.id: a page that does gets "
        "OfflineGenerationError; name it in COMPRESS_OFFLINE_CONTEXT, or keep it out of the block",
        "one text, and so one key, for different output: page.html, block 0, line 3 asks for js file; "
        "b.html, block 0, line 3 of page.html asks for js inline; which of them pages get is left to "
        "chance: make the texts differ, by a comment",
    ]
    assert coverage.advice(answer()) == []
