import pytest

from fab_static.plan.less import urls
from fab_static.plan.less.sheet import Sheet
from tests.unit.plan.less.test_less import follow

PREFIXES = ("https://cdn.example/static/", "/static/")


def names(text, rewrite="off", rootpath="", files=None):
    """Return what the links of a/less/main.less mean, in order."""
    printing = urls.Printing(PREFIXES, rewrite, rootpath)
    walk = follow({"a/less/main.less": text, **(files or {})}, "a/less/main.less")
    return [urls.name_of(link, walk.entry, printing) for link in walk.links()]


def links(text, **files):
    """Return (path, is sure) of each link of main.less and what it imports."""
    walk = follow({"main.less": text, **files}, "main.less")
    return [(link.path, link.is_sure) for link in walk.links()]


def test_every_way_to_write_a_link_is_read():
    text = r"""
    @v: "../img/v.png";
    .a { background: url("../img/a.png"), url( '../img/b (1).png' ) , url(../img/c\(1\).png ); }
    .b { background: url(@v); src: url("@{v}?#iefix") format("eot"), url(~"../img/d.png"); }
    .c { background: data-uri("../img/e.svg"), data-uri('image/svg+xml;charset=UTF-8', "../img/f.svg#x"); }
    .d { background: url(../img/t%C3%A9.png), url("../img/\e9.png"), data-uri(@v); }
    @import url(other.css) screen;
    @import "print.css";
    """
    assert sorted(str(name) for name in names(text)) == sorted(
        [
            *("a/img/a.png", "a/img/b (1).png", "a/img/c(1).png", "a/img/v.png", "a/img/v.png"),
            *("a/img/d.png", "a/img/e.svg", "a/img/f.svg", "a/img/té.png", "a/img/é.png"),
            *("a/img/v.png", "a/less/other.css", "a/less/print.css"),
        ]
    )


def test_comments_and_strings_hold_no_links():
    assert (
        names("// url(a.png)\n/* url('b.png') */ .a { content: 'url(\"c.png\")'; x: my-url(d) }")
        == []
    )


def test_what_is_no_file_of_ours_means_none():
    text = """.a { background: url(data:image/png;base64,xx), url("#f"), url(http://x.example/a.png),
    url('//x.example/a.png'), url(/media/a.png), url("https://other.example/static/a.png"), url("") }"""
    assert set(names(text)) == {None}


def test_what_stands_below_static_url_is_a_name_with_or_without_a_cdn():
    text = (
        ".a { background: url(/static/a/x.png?v=1), url('https://cdn.example/static/b%20c.png') }"
    )
    assert names(text) == ["a/x.png", "b c.png"]


def test_a_path_that_leaves_the_static_root_says_so():
    assert names(".a { background: url(../../../x.png) }") == ["../x.png"]


@pytest.mark.parametrize(
    ("rewrite", "expected"),
    [
        ("off", ["a/img/u.png", "a/less/v.png", "a/less/d.svg"]),
        ("local", ["a/less/img/u.png", "a/less/v.png", "a/less/inc/d.svg"]),
        ("all", ["a/less/img/u.png", "a/less/inc/v.png", "a/less/inc/d.svg"]),
    ],
)
def test_the_folder_is_the_entrys_unless_lessc_rewrites_urls(rewrite, expected):
    files = {
        "a/less/inc/part.less": ".p { background: url(../img/u.png), url(v.png), data-uri('d.svg') }"
    }
    assert names('@import "inc/part";', rewrite, files=files) == expected


def test_a_rootpath_stands_before_what_is_relative():
    text = ".a { background: url(x.png), url(/static/y.png), data-uri('z.svg') }"
    assert names(text, rootpath="/static/b/") == ["b/x.png", "y.png", "a/less/z.svg"]
    assert names(text, rootpath="../up/") == ["a/up/x.png", "y.png", "a/less/z.svg"]
    assert names(text, rootpath="https://elsewhere.example/") == [None, "y.png", "a/less/z.svg"]


def test_the_last_definition_in_all_files_is_printed_once_imported_files_stand_where_they_came_first():
    """Bootstrap's own @icon-font-path is overridden below its import, and by no later import of the same."""
    files = {
        "boot.less": '@import "vars"; .g { src: url("@{path}g.eot") }',
        "vars.less": '@path: "../fonts/";',
    }
    text = '@import "boot"; @path: "../../boot/fonts/"; @import "vars"; @import (reference) "boot";'
    assert links(text, **files) == [("../../boot/fonts/g.eot", True)]


def test_a_link_is_not_sure_where_it_is_printed_only_when_called():
    text = """
    .mixin(@a; @b: 1) { background: url("m.png") } .plain { background: url("p.png") }
    .a when (@x = 1) { background: url("w.png") } @detached: { background: url("d.png") };
    #ns { .m() { background: url("n.png") } .b:not(.c) { background: url("not.png") } }
    @media (min-width: 1px) { .c { background: url("q.png") } }
    """
    assert links(text) == [
        *(("m.png", False), ("p.png", True), ("w.png", False), ("d.png", False)),
        *(("n.png", False), ("not.png", True), ("q.png", True)),
    ]


def test_a_file_that_is_only_referenced_prints_nothing_for_sure():
    files = {"ref.less": '.r { background: url("r.png") } @import "deeper";'}
    files["deeper.less"] = '.d { background: url("d.png") }'
    assert links('@import (reference) "ref";', **files) == [("r.png", False), ("d.png", False)]
    assert links('@import (reference) "ref"; @import "deeper";', **files) == [
        ("r.png", False),
        ("d.png", True),
    ]


def test_a_variable_that_a_block_or_a_mixin_defines_is_not_known():
    text = """@img: "global.png";
    .a { @img: "local.png"; background: url("@{img}") } .m(@img) { background: url("@{img}") }
    .b { background: url("@{img}"), url("@{unknown}") }"""
    assert [path for path, _ in links(text)] == [None, None, "global.png", None]


def test_a_link_in_a_variable_is_sure_while_nothing_redefines_it():
    assert links('@u: url("a.png"); .a { background: @u }') == [("a.png", True)]
    assert links('@u: url("a.png"); @u: url("b.png");') == [("a.png", False), ("b.png", False)]


def test_an_inline_file_is_plain_css():
    files = {"raw.css": '.r { background: url("@{x}.png") }'}
    assert links('@x: "y"; @import (inline) "raw.css";', **files) == [("@{x}.png", True)]


@pytest.mark.parametrize(
    ("command", "rewrite", "rootpath"),
    [
        ("lessc {infile} {outfile}", "off", ""),
        ("node lessc -ru {infile} {outfile}", "all", ""),
        ("lessc --relative-urls --rootpath='/a b/' {infile}", "all", "/a b/"),
        ("lessc --rewrite-urls=local -rp=x/ {infile}", "local", "x/"),
        ("lessc 'open", "off", ""),
    ],
)
def test_the_command_says_how_urls_are_printed(command, rewrite, rootpath):
    printing = urls.Printing.of_command(command, PREFIXES)
    assert (printing.rewrite, printing.rootpath) == (rewrite, rootpath)


def test_a_link_stands_where_it_is_written():
    text = '.a { background: url( "x.png" ) }'
    (link,) = Sheet(text).links
    assert text[link.start : link.end] == link.text == "x.png"
