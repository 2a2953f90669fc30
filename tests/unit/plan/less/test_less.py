import posixpath
import time

from hypothesis import given
from hypothesis import strategies as st

from fab_static.plan.less import walk
from fab_static.plan.less.rewriting import (
    leading_replacement,
    replace_b3,
    replace_prefixes,
    rewrite,
)
from fab_static.plan.less.sheet import Piece, Sheet, file_path, imports, line_of


def paths(text):
    return [each.path for each in imports(text)]


def follow(files, entry):
    def resolve(file, path, _):
        name = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        return name if name in files else None

    return walk.follow(entry, lambda name: Sheet(files[name]), resolve)


def followed(files, entry):
    return follow(files, entry).imports


def test_every_way_to_write_an_import_is_read():
    text = """
    @import "double";
    @import 'single' screen and (min-width: 1px);
    @import (reference, optional) "options";
    @import(css)url("quoted-url.css");
    @import url(bare-url.less) print;
    @import url( 'spaced' );
    @import /* a comment */ "after-comment"; @import "same-line";
    .inside { @import "nested"; }
    @import "@{theme}/colours";
    """
    found = imports(text)
    assert [each.path for each in found] == [
        *("double", "single", "options", "quoted-url.css", "bare-url.less", "spaced"),
        *("after-comment", "same-line", "nested", "@{theme}/colours"),
    ]
    assert [text[each.start : each.end] for each in found] == [each.path for each in found]
    assert found[2].options == {"reference", "optional"}


def test_comments_and_strings_hold_no_imports():
    assert paths(
        """// @import "a";
        /* @import "b";
        @import "c"; */
        .a { content: '@import "d"'; width: ~`"@import 'e'"`; background: url(data:x;@import"f"); }
        // it's an apostrophe
        .b { background: url(http://example.com/x.png) } @import "real";"""
    ) == ["real"]


def test_what_the_browser_imports_is_not_followed():
    text = """@import "a.css"; @import (css) "b"; @import "//fonts.example/c"; @import url(https://x.example/d);
    @import (less) "e.css"; @import (inline) "f.css"; @import "g.css?v=1"; @import "h.less"; @import "i";"""
    assert [each.path for each in imports(text) if each.is_followed] == [
        "e.css",
        "f.css",
        "h.less",
        "i",
    ]


def test_a_path_without_an_extension_means_a_less_file():
    assert file_path("a/mixins") == "a/mixins.less"
    assert file_path("../v3.variables") == "../v3.variables"
    assert file_path("bootstrap.b3") == "bootstrap.b3.less"  # lessc: an extension is letters only
    assert file_path("a.php?x=1") == "a.php?x=1"


def test_only_the_paths_change_and_not_a_byte_else():
    text = '\ufeff// caf\udce9\r\n@import  "a" ;\r\n.b { c: "a" }'
    at = imports(text)[0]
    assert rewrite(text, [(at.start, at.end, "../x/a")]) == text.replace('"a" ;', '"../x/a" ;')
    assert rewrite(text, []) == text


@given(st.text(alphabet="@import \"'();/*\n\\{}url:ab.~`-", max_size=60))
def test_no_text_is_too_broken_to_read(text):
    sheet = Sheet(text)
    assert rewrite(text, ((at.start, at.end, at.path) for at in sheet.imports)) == text


def test_hostile_text_is_read_in_no_time():
    started = time.thread_time()
    for text in (
        "@import /*" * 20_000,
        "@import (" * 20_000,
        "@a: /**/" * 20_000,
        '"\\' * 50_000,
        "/*" * 50_000,
    ):
        Sheet(text)
    assert time.thread_time() - started < 3


def test_a_prefix_is_replaced_in_the_middle_of_a_deeper_path():
    """Build-trap 18: a variable used two folders deeper holds two more ../ before the known prefix."""
    pairs = [("../../../../../../node_modules", "../..")]
    deeper = "../../../../../../../../node_modules/bootstrap/less/variables"
    assert replace_prefixes(deeper, pairs) == "../../../../bootstrap/less/variables"
    assert replace_prefixes("variables", pairs) == "variables"


def test_each_b3_import_takes_its_own_path_and_an_unknown_one_stays():
    known = {"variables": "../v", "mixins": "../m"}
    assert replace_b3("@{b3-import-variables-x}", known) == "../v"
    assert replace_b3("@{b3-import-mixins-y}/z", known) == "../m/z"
    assert replace_b3("@{b3-import-other-x}", known) == "@{b3-import-other-x}"
    assert replace_b3("@{b3-import-variables}", known) == "@{b3-import-variables}"


def test_a_variable_is_evaluated_in_the_file_that_uses_it():
    files = {
        "a/main.less": '@import "inc/vars"; @import "@{base}/deep/user";',
        "a/inc/vars.less": "@root: 'x'; @base: \"@{root}\"; @alias: @base;",
        "a/x/deep/user.less": '@import "../../@{alias}/leaf";',
        "a/x/leaf.less": "",
    }
    met = followed(files, "a/main.less")
    assert [(each.file, each.path, each.target) for each in met] == [
        ("a/main.less", "inc/vars.less", "a/inc/vars.less"),
        ("a/main.less", "x/deep/user.less", "a/x/deep/user.less"),
        ("a/x/deep/user.less", "../../x/leaf.less", "a/x/leaf.less"),
    ]
    pieces = met[1].pieces
    assert [(each.file, each.text) for each in pieces] == [
        ("a/inc/vars.less", "x"),
        ("a/main.less", "/deep/user"),
    ]
    text = files["a/inc/vars.less"]
    assert text[pieces[0].start : pieces[0].end] == "x"


def test_the_last_definition_of_a_variable_wins_even_below_its_use():
    files = {
        "m.less": '@t: "one"; @import "@{t}"; @import "more"; @t: "two";',
        "more.less": '@t: "three";',
        "one.less": "",
        "two.less": "",
    }
    assert [each.target for each in followed(files, "m.less")] == ["more.less", "two.less"]


def test_only_variables_that_imports_can_see_count():
    files = {
        "m.less": '@t: "a"; .x { @t: "b"; } .m(@t: "c"; @u: 1) { } @import "@{t}";',
        "a.less": "",
    }
    assert [each.target for each in followed(files, "m.less")] == ["a.less"]


def test_an_unknown_variable_has_no_path():
    assert [
        (each.path, each.target) for each in followed({"m.less": '@import "@{t}/a";'}, "m.less")
    ] == [(None, None)]
    assert followed({"m.less": '@t: "@{t}"; @import "@{t}";'}, "m.less")[0].path is None
    assert followed({"m.less": '@t: 3px; @import "@{t}";'}, "m.less")[0].path is None


def test_files_that_import_each_other_are_read_once():
    files = {
        "a.less": '@import "b"; @import "c";',
        "b.less": '@import "a";',
        "c.less": '@import "b";',
    }
    assert [each.target for each in followed(files, "a.less")] == [
        "b.less",
        "a.less",
        "c.less",
        "b.less",
    ]


def test_an_inline_file_is_not_read():
    assert (
        len(followed({"a.less": '@import (inline) "b.less";', "b.less": '@import "c";'}, "a.less"))
        == 1
    )


def test_only_the_leading_piece_of_a_path_changes():
    base = Piece("../../node_modules/bootstrap", "v.less", 4, 32)
    rest = Piece("/less/mixins", "m.less", 20, 32)
    assert leading_replacement((base, rest), "../bootstrap/less/mixins") == (
        base,
        "../bootstrap",
    )
    assert leading_replacement((base, rest), "../bootstrap/other") is None
    assert leading_replacement((base,), "../b") == (base, "../b")
    assert leading_replacement((), "x") is None


def test_lines_are_counted_from_one():
    assert [line_of("a\r\nb\nc", at) for at in (0, 3, 5)] == [1, 2, 3]
