"""What our reading of LESS claims, asked of the real lessc, of less 3 and less 4."""

import re
import subprocess
from pathlib import Path

import pytest

from fab_static.plan.less import urls
from fab_static.plan.less.sheet import Link, Sheet
from fab_static.plan.less.walk import Linked, follow
from tests.unit.django_app.conftest import Project

PACKAGES = Path(__file__).parents[1] / "sample_project/node_modules"
UP = "../../../../.."  # from one/static/one/less to above the project's folder of apps
LINKS = {
    "a/less/main.less": """
    @import "inc/part"; @import (reference) "inc/ref"; @import (inline) "raw.css";
    @import (css) "left"; @import url(left2.css) screen; @import (optional) "none";
    @v: "../img/v"; @path: "overridden/"; @u: url("held.png");
    .a { background: url(@v); src: url("@{v}.eot?#iefix") format("x"), url(  'b (1).png' ); }
    .b { background: url(c\\(1\\).png) , url(~"d.png"); .m("e"); .ref(); }
    .c { background: data-uri("gone.svg"), data-uri('image/svg+xml', "there.svg"), data-uri("part.svg"); }
    /* url(comment.png) */ // url(comment2.png)
    .d { content: "url(string.png)"; background: @u url(//x.example/y.png); }
    .guarded when (@v = 1) { background: url(guarded.png) }
    .m(@x) { background: url("@{x}/mixin.png") }
    @path: "last/";
    """,
    "a/less/inc/part.less": """@path: "first/";
    .p { background: url("@{path}p.png"), url(../q.png), url("../@{path}r.png"), data-uri("part.svg"); }""",
    "a/less/inc/ref.less": ".ref() { background: url(ref.png) } .r2 { background: url(never.png) }",
    "a/less/raw.css": ".raw { background: url(@{v}raw.png) }",
    "a/less/there.svg": "<svg/>",
    "a/less/inc/part.svg": "<svg/>",
}


def lessc(package, file, *options):
    done = subprocess.run(
        ["node", PACKAGES / package / "bin/lessc", *options, file],
        capture_output=True,
        check=True,
        timeout=120,
    )
    return done.stdout.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("package", ["less", "less3"])
@pytest.mark.parametrize("option", ["", "--rewrite-urls=local", "--rewrite-urls=all"])
def test_every_url_that_lessc_prints_is_one_that_we_know_of(tmp_path, package, option):
    for name, text in LINKS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    css = lessc(package, tmp_path / "a/less/main.less", *filter(None, [option]))
    css = re.sub(r"/\*.*?\*/|content: [^;]*;", "", css, flags=re.DOTALL)
    printing = urls.Printing.of_command(f"lessc {option}", ())

    def meant(path):  # by a browser, below the entry's folder; nothing is left to evaluate
        at = Link("url", path, 0, 0)
        link = Linked("a/less/main.less", at, path, (), is_sure=True)
        return urls.name_of(link, link.file, urls.Printing(()))

    quoted = re.findall(r"""url\((?:"([^"]*)"|'([^']*)'|((?:\\.|[^)"'])*))\)""", css)
    printed = {meant("".join(path)) for path in quoted} | {
        meant(path) for path in re.findall(r'@import "(.*?)"', css)
    }

    def resolve(file, path, _):
        name = str((tmp_path / file).parent.joinpath(path).resolve().relative_to(tmp_path))
        return name if name in LINKS else None

    walk = follow("a/less/main.less", lambda name: Sheet(LINKS[name]), resolve)
    links = [(link, urls.name_of(link, walk.entry, printing)) for link in walk.links()]
    is_embedded = {  # data-uri() of a file that is there
        name for link, name in links if link.at.kind == "data-uri" and (tmp_path / name).is_file()
    }
    sure = {name for link, name in links if link.is_sure} - is_embedded
    maybe = {name for link, name in links if not link.is_sure}
    called = {None, "a/less/e/mixin.png"}  # what a mixin was called with is not ours to know
    assert sure - {None} <= printed
    assert printed <= sure | maybe | called
    assert "a/less/inc/never.png" not in printed


SOURCES = {
    "node_modules/boot/less/vars.less": "@brand: red; @size: 3px;",
    "node_modules/boot/less/mixins.less": ".shadow(@x) { box-shadow: @x } .plain { color: @brand }",
    "node_modules/boot/plain.css": ".css > .kept { colour : as it is }\n",
    "node_modules/boot/nested.css": ".css { .inner { color: @brand } }",
    "one/static/one/less/all.less": f"""
// @import "{UP}/nowhere/comment"; an import in a comment is none
/* @import "{UP}/nowhere/comment"; */
@import (reference) "{UP}/node_modules/boot/less/mixins";
@import (optional) "{UP}/node_modules/boot/less/vars";
@import (optional, reference) "{UP}/node_modules/boot/less/not-there";
@import (inline) "{UP}/node_modules/boot/plain.css";
@import (less) "{UP}/node_modules/boot/nested.css";
@import (css) "https://fonts.example/a";
@import url("https://fonts.example/b.css") screen and (min-width: 1px);
@import (multiple) "{UP}/node_modules/boot/less/mixins" print;
@import '{UP}/node_modules/boot/less/mixins.less' (min-width: @size);
.a {{ .shadow(@size); content: '@import "{UP}/node_modules/boot/less/mixins"'; }}
""",
    "one/static/one/less/deep/er/variable.less": '@import "@{vars}";\n.v { width: @size }',
    "one/static/one/less/variable.less": f"@vars: '{UP}/../../node_modules/boot/less/vars';\n"
    '@import "deep/er/variable";\n@pkg: "boot"; @import "@{root}/@{pkg}/less/mixins";\n'
    f'@root: "{UP}/node_modules";',
    "one/static/one/less/latin.less": b'// \xfcber\r\n@import "../../../../../node_modules/boot/less/vars";\r\n'
    b'.l { color: @brand; content: "\xe9" }\r\n',
}


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    settings = (
        "STATICFILES_DIRS = [BASE_DIR / 'apps/node_modules']\nINSTALLED_APPS += ['apps.shop.one']\n"
    )
    project = Project(tmp_path_factory.mktemp("less") / "code", settings)
    # one folder deeper than the other tests' projects, so that a path is wrong unless it is rewritten
    named = [name for name in SOURCES if name.startswith("one/")]
    project.write({f"apps/{name}": text for name, text in SOURCES.items() if name not in named})
    project.write({f"apps/shop/{name}": SOURCES[name] for name in named})
    project.write({f"{name}/__init__.py": "" for name in ("apps", "apps/shop", "apps/shop/one")})
    settings_file = project.path / "proj/settings.py"
    settings_file.write_text(settings_file.read_text().replace(', "one", "two"', ""))
    entries = "".join(f"/static/one/less/{name}.less " for name in ("all", "variable", "latin"))
    project.write({"templates/page.html": entries})
    project.manage("collectstatic", "--noinput", "-v0")
    project.manage("fix_less_imports_collectstatic")
    return project


@pytest.mark.parametrize("package", ["less", "less3"])
@pytest.mark.parametrize("entry", ["all", "variable", "latin"])
def test_the_css_after_the_fix_is_that_of_the_sources_byte_for_byte(collected, package, entry):
    """Options, media queries, comments, strings, variables and encodings: lessc says what each means."""
    expected = lessc(package, collected.path / f"apps/shop/one/static/one/less/{entry}.less")
    assert lessc(package, collected.path / f"staticfiles/one/less/{entry}.less") == expected
    assert len(expected) > 20


def test_only_the_paths_of_imports_changed(collected):
    name = "one/less/all.less"
    before = (collected.path / f"apps/shop/one/static/{name}").read_text().splitlines()
    after = collected.read(f"staticfiles/{name}").splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [
        *(
            '@import (reference) "../../boot/less/mixins";',
            '@import (optional) "../../boot/less/vars";',
        ),
        *('@import (inline) "../../boot/plain.css";', '@import (less) "../../boot/nested.css";'),
        '@import (multiple) "../../boot/less/mixins" print;',
        "@import '../../boot/less/mixins.less' (min-width: @size);",
    ]
    assert b"\xfcber\r\n" in (collected.path / "staticfiles/one/less/latin.less").read_bytes()
