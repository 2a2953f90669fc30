# The layout of build-trap 18: LESS below an app, six folders down, and its package beside the apps.
BOOTSTRAP = {
    "node_modules/bootstrap/less/variables.less": "@brand: red;",
    "node_modules/bootstrap/less/mixins.less": '@import "mixins/one";',
    "node_modules/bootstrap/less/mixins/one.less": ".one() {}",
    "node_modules/bootstrap/test-infra/broken.less": '@import "nowhere";',
}
SETTINGS = """
STATICFILES_DIRS = [BASE_DIR / "node_modules"]
INSTALLED_APPS += ["deep.apps.style"]
"""
APP = {"deep/__init__.py": "", "deep/apps/__init__.py": "", "deep/apps/style/__init__.py": ""}
STYLE = "deep/apps/style/static/style/less/"
PAGE = {
    "templates/page.html": "{% load fab_static %}<link href=\"{% static 'style/less/main.less' %}\">"
}


def fixed(project, name="main.less"):
    return project.read(f"staticfiles/style/less/{name}")


def collected(make_project, less, settings=SETTINGS):
    project = make_project(
        {**APP, **PAGE, **BOOTSTRAP, **{STYLE + name: text for name, text in less.items()}},
        settings,
    )
    project.manage("collectstatic", "--noinput", "-v0")
    return project


def test_an_import_that_moved_is_found_through_the_finders_and_nothing_else_changes(make_project):
    source = (
        '// "../../../../../../node_modules/bootstrap/less/mixins" caf\xe9\r\n'
        '@import (reference)  "../../../../../../node_modules/bootstrap/less/mixins" ;\r\n'
        "@import url(../../../../../../node_modules/bootstrap/less/variables.less) screen;\r\n"
        '.a { content: "../../../../../../x" }\r\n'
    ).encode("latin-1")
    project = collected(make_project, {"main.less": source})
    told = project.manage("fix_less_imports_collectstatic")
    assert told.splitlines() == [
        "rewritten: style/less/main.less",
        "1 LESS files rewritten; every link in use resolves",
    ]
    comment, *rest = source.split(b"\r\n")
    expected = b"\r\n".join(
        [comment, *(line.replace(b"../../../../../../node_modules", b"../..") for line in rest)]
    )
    assert (project.path / "staticfiles/style/less/main.less").read_bytes() == expected
    assert (project.path / STYLE / "main.less").read_bytes() == source


def test_a_second_run_changes_nothing(make_project):
    source = "@import '../../../../../../node_modules/bootstrap/less/mixins';"
    project = collected(make_project, {"main.less": source})
    project.manage("fix_less_imports_collectstatic")
    before = fixed(project)
    assert project.manage("fix_less_imports_collectstatic").startswith("0 LESS files rewritten")
    assert fixed(project) == before == "@import '../../bootstrap/less/mixins';"


def test_a_variable_is_right_for_the_deeper_file_that_uses_it(make_project):
    """Build-trap 18: it is not a path from the file in which it stands."""
    project = collected(
        make_project,
        {
            "main.less": '@import "vars";\n@import "_hq/inc/user";\n@import "@{pkg}/less/mixins";',
            "vars.less": "@b3-import-variables: '../../../../../../../../node_modules/bootstrap/less/variables';\n"
            '@pkg: "../../../../../../node_modules/bootstrap";',
            "_hq/inc/user.less": '@import "@{b3-import-variables}";',
        },
    )
    project.manage("fix_less_imports_collectstatic")
    assert fixed(project, "vars.less") == (
        "@b3-import-variables: '../../../../bootstrap/less/variables';\n@pkg: \"../../bootstrap\";"
    )
    assert fixed(project, "_hq/inc/user.less") == '@import "@{b3-import-variables}";'


def test_a_prefixed_storage_keeps_its_prefix(make_project):
    settings = SETTINGS.replace(
        '[BASE_DIR / "node_modules"]', '[("lib", BASE_DIR / "node_modules")]'
    )
    project = collected(
        make_project,
        {"main.less": '@import "../../../../../../node_modules/bootstrap/less/mixins";'},
        settings,
    )
    project.manage("fix_less_imports_collectstatic")
    assert fixed(project) == '@import "../../lib/bootstrap/less/mixins";'
    assert project.manage("fix_less_imports_collectstatic").startswith("0 LESS files rewritten")


def test_an_accidental_hit_in_the_static_root_does_not_hide_the_file_that_is_meant(make_project):
    """Build-trap 19: it compiles, with the wrong Bootstrap."""
    project = collected(
        make_project,
        {
            "main.less": '@import "a/b/c/d/user";',
            "a/b/c/d/user.less": '@import "../../../../../../../other/mixins";',
            "../../../other/mixins.less": ".right() {}",
        },
        SETTINGS + 'STATICFILES_DIRS += [("pkg", BASE_DIR / "deep/apps/style/other")]\n',
    )
    project.write({"staticfiles/other/mixins.less": ".wrong() {}"})
    project.manage("fix_less_imports_collectstatic")
    assert fixed(project, "a/b/c/d/user.less") == '@import "../../../../../../pkg/mixins";'


def test_the_five_stored_behaviours_of_hqs_command_are_kept(make_project):
    """features.md 2.6, where the finders know nothing. HQ gave all of a file's b3 imports the first one's path."""
    b3 = '@import "@{b3-import-variables-x}"; @import "@{b3-import-mixins-x}"; @a: "@{b3-import-other-x}";'
    project = collected(
        make_project,
        {
            "main.less": '@import "v1"; @import "v2"; @import "v3"; @import "v3b"; @import "v5";',
            "other.less": "",
            "v1.less": '@import "../../../../../style/static/style/less/other";',
            "v2.less": b3,
            "v3.less": '@import "../../../../../../bower_components/bootstrap/less/mixins";',
            # HQ's third and fourth did either, not both
            "v3b.less": f'@import "../../../../../../bower_components/bootstrap/less/mixins";\n{b3}',
            "v5.less": '// \xfc\r\n@import "../../../../../../bower_components/bootstrap/less/mixins";\r\n',
        },
        SETTINGS + "LESS_B3_PATHS = {'variables': '../../bootstrap/less/variables',"
        " 'mixins': '../../bootstrap/less/mixins'}\n",
    )
    project.manage("fix_less_imports_collectstatic")
    mixins = '@import "../../bootstrap/less/mixins";'
    fixed_b3 = f'@import "../../bootstrap/less/variables"; {mixins} @a: "@{{b3-import-other-x}}";'
    assert {name: fixed(project, f"{name}.less") for name in ("v1", "v2", "v3", "v3b", "v5")} == {
        "v1": '@import "../../style/less/other";',
        "v2": fixed_b3,
        "v3": mixins,
        "v3b": f"{mixins}\n{fixed_b3}",
        "v5": f"// \xfc\r\n{mixins}\r\n",
    }
    assert project.manage("fix_less_imports_collectstatic").startswith("0 LESS files rewritten")


def test_prefixes_are_a_setting(make_project):
    project = collected(
        make_project,
        {"main.less": '@import "/opt/vendor/bootstrap/less/mixins";'},
        SETTINGS + "FAB_STATIC_LESS_PREFIXES = [('/opt/vendor', '../..')]\n",
    )
    project.manage("fix_less_imports_collectstatic")
    assert fixed(project) == '@import "../../bootstrap/less/mixins";'


def test_dangling_imports_in_use_fail_with_file_and_line_and_others_are_only_told(make_project):
    project = collected(
        make_project,
        {
            "main.less": '@import "inc/deeper";\n@import (optional) "maybe";\n@import (css) "x";\n@import "y.css";',
            "inc/deeper.less": '\n@import "nowhere";\n@import "@{unknown}/x";\n@import "../../../../outside";\n'
            '@import "../../../../../../../not_collected/x";',
        },
    )
    project.write({"not_collected/x.less": ""})
    told = project.fails("fix_less_imports_collectstatic")
    assert "in no template's reach: bootstrap/test-infra/broken.less:1: @import" in told
    _, told = told.split("CommandError: ")
    lines = told.splitlines()
    assert lines[:7] == [
        "6 links of LESS files lead nowhere in the static root",
        '  style/less/inc/deeper.less:2: @import "nowhere" leads to style/less/inc/nowhere.less, which is not there',
        '  style/less/inc/deeper.less:4: @import "../../../../outside" leaves the static root, for ../outside.less',
        '  style/less/inc/deeper.less:5: @import "../../../../../../../not_collected/x" leaves the static root,'
        f" for ../../../../not_collected/x.less; {project.path}/not_collected/x.less,"
        " which it means in the source, is not collected",
        '  style/less/inc/deeper.less:3: @import "@{unknown}/x" names a variable that has no string value here',
        '  style/less/main.less:3: @import "x" leads to style/less/x, which is not there',
        '  style/less/main.less:4: @import "y.css" leads to style/less/y.css, which is not there',
    ]
    assert lines[-1].startswith("  mend:  collect the files they mean (STATICFILES_DIRS)")


def test_a_url_or_data_uri_that_leads_nowhere_is_warned_of_with_file_and_line(make_project):
    """The sheet compiles all the same, with lessc too; the page asks for a file that is not there."""
    project = collected(
        make_project,
        {
            "main.less": '@import "inc/part";\n@img: "../img";\n.a { background: url(../img/there.png) }\n'
            '.b { background: url("@{img}/gone.png?v=1#x"), url(/static/style/img/there.png), url(/media/x.png) }\n'
            ".c { background: url(/static/style/img/gone2.png), url(data:image/png;base64,xx), url(#a) }",
            "inc/part.less": "\n.d { background: data-uri('../img/gone.svg'), url(../../../../x.png) }\n"
            '.m(@x) { background: url("@{x}.png"), url(only-when-called.png) }',
            "unused.less": ".u { background: url(unused.png) }",
            "../img/there.png": "",
        },
    )
    ran = project.run("manage.py", "fix_less_imports_collectstatic")
    assert ran.returncode == 0, ran.stderr
    assert [line for line in ran.stderr.splitlines() if "bootstrap" not in line] == [
        'in no template\'s reach: style/less/unused.less:1: url("unused.png") leads to'
        " style/less/unused.png, which is not there",
        'warning: style/less/main.less:4: url("../img/gone.png?v=1#x") leads to style/img/gone.png, which is not there',
        'warning: style/less/main.less:5: url("/static/style/img/gone2.png") leads to style/img/gone2.png,'
        " which is not there",
        'warning: style/less/inc/part.less:2: data-uri("../img/gone.svg") leads to style/img/gone.svg,'
        " which is not there",
        'warning: style/less/inc/part.less:2: url("../../../../x.png") leaves the static root, for ../../x.png',
        "not fatal, in a package or printed only when called for: style/less/inc/part.less:3:"
        ' url("only-when-called.png") leads to style/less/only-when-called.png, which is not there',
    ]
    assert ran.stdout.splitlines()[-1] == (
        "0 LESS files rewritten; all but 4 links in use resolve; 1 not known"
    )


def test_a_packages_own_urls_may_lead_nowhere_but_not_those_that_the_project_makes_of_them(
    make_project,
):
    """features.md, pain 41: nobody can mend another's package, and one missing map stopped the build."""
    files = {
        "main.less": '@import "../../../../../../node_modules/icons/icons";\n@path: "gone";',
        "../../../../../../node_modules/icons/icons.less": '@path: "font";\n@own: "none";\n'
        '.i { src: url("@{path}/i.eot"), url("@{own}/j.eot") }',
    }
    project = collected(make_project, files)
    told = project.run("manage.py", "fix_less_imports_collectstatic").stderr
    assert (
        'printed only when called for: icons/icons.less:3: url("none/j.eot") leads to style/less/none/j.eot,'
        in told
    )
    assert (
        '\nwarning: icons/icons.less:3: url("gone/i.eot") leads to style/less/gone/i.eot, which'
        in told
    )
    with (project.path / "proj/settings.py").open("a") as settings:
        settings.write("FAB_STATIC_LESS_MAY_DANGLE = ['style/less/main.less']\n")
    told = project.run("manage.py", "fix_less_imports_collectstatic").stderr
    assert "warning: " not in told, "the setting adds to node_modules, and stands not in its place"
    assert (
        '\nnot fatal, in a package or printed only when called for: icons/icons.less:3: url("gone/i.eot")'
        in told
    )


def test_urls_are_read_as_the_projects_own_lessc_prints_them(make_project):
    files = {
        "main.less": '@import "inc/part";',
        "inc/part.less": ".a { background: url(../../img/a.png) }",
        "../img/a.png": "",
    }
    command = (
        "COMPRESS_PRECOMPILERS = [('text/less', 'lessc --rewrite-urls=all {infile} {outfile}')]\n"
    )
    project = collected(make_project, files, SETTINGS + command)
    project.manage("fix_less_imports_collectstatic")
    with (project.path / "proj/settings.py").open("a") as settings:
        settings.write("FAB_STATIC_LESS_OPTIONS = {}\n")
    assert "leads to img/a.png" in project.run("manage.py", "fix_less_imports_collectstatic").stderr


COMPRESS = """
INSTALLED_APPS += ["compressor"]
COMPRESS_ENABLED = COMPRESS_OFFLINE = True
COMPRESS_URL = "https://cdn.example/static/"
STATIC_CDN = "https://cdn.example"
COMPRESS_OFFLINE_CONTEXT = [{"theme": "light"}, {"theme": "dark"}]
"""


def test_entries_are_what_the_compress_blocks_really_name(make_project):
    """A name that a variable, a filter or a loop makes stands in no template's text."""
    project = collected(
        make_project,
        {f"{name}.less": '@import "gone";' for name in ("light", "dark", "base", "plain", "quiet")},
        SETTINGS + COMPRESS,
    )
    page = "{% load compress static fab_static %}"
    project.write(
        {
            "templates/page.html": "",
            "templates/base.html": f"{page}{{% block css %}}{{% endblock %}}",
            "templates/themes.html": f'{{% extends "base.html" %}}{page}{{% block css %}}{{% compress css %}}'
            '{% with "style/less/"|add:theme as name %}<link type="text/less" href="{{ name|add:".less"|static }}">'
            "{% endwith %}{% for part in 'base'|make_list|slice:':1' %}"
            "<link href='/static/style/less/{{ part }}ase.less?x'>{% endfor %}{% endcompress %}{% endblock %}",
            "templates/literal.txt": "/static/style/less/plain.less {# style/less/quiet.less #}",
            "templates/broken.html": f"{page}{{% compress css %}}{{% nonesuch %}}{{% endcompress %}}",
            "templates/failing.html": f"{page}{{% compress css %}}{{{{ 1|add:2|nonesuch }}}}{{% endcompress %}}",
        }
    )
    told = project.fails("fix_less_imports_collectstatic")
    notes, told = told.split("CommandError: ")
    assert [line.split(":")[0] for line in told.splitlines()[1:-1]] == [
        *("  style/less/base.less", "  style/less/dark.less"),
        *("  style/less/light.less", "  style/less/plain.less"),
    ]
    assert "in no template's reach: style/less/quiet.less:1:" in notes
    assert "what it names is not known: broken.html: TemplateSyntaxError" in notes
    assert "what it names is not known: failing.html: TemplateSyntaxError" in notes


JINJA2 = """
TEMPLATES.append({"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [BASE_DIR / "jinja"],
                  "OPTIONS": {"environment": "proj.jinja2.environment"}})
"""
ENVIRONMENT = """
from django.templatetags.static import static
from jinja2 import Environment
def environment(**options):
    made = Environment(extensions=["compressor.contrib.jinja2ext.CompressorExtension"], **options)
    made.globals["static"] = static
    return made
"""


def test_entries_that_jinja2_templates_name_are_followed(make_project):
    project = collected(
        make_project,
        {f"{name}.less": '@import "gone";' for name in ("page", "parent", "dark", "quiet")},
        SETTINGS
        + COMPRESS
        + JINJA2
        + "COMPRESS_OFFLINE_CONTEXT = [{'theme': 'dark'}]\nCOMPRESS_URL = '/static/'\n",
    )
    project.write(
        {
            "templates/page.html": "",
            "proj/jinja2.py": ENVIRONMENT,
            "jinja/base.html": "{% block css %}{% compress css %}"
            '<link rel="stylesheet" type="text/less" href="{{ static("style/less/parent.less") }}">'
            "{% endcompress %}{% endblock %}",
            "jinja/page.html": '{% extends "base.html" %}{% block css %}{{ super() }}{% compress css %}'
            '{% for name in ("page", theme) %}<link type="text/less" rel="stylesheet" '
            "href=\"{{ static('style/less/' ~ name ~ '.less') }}\">{% endfor %}"
            "{% endcompress %}{% endblock %}",
            "jinja/failing.html": "{% compress css %}{{ nonesuch.there }}{% endcompress %}",
            "jinja/latin.html": b"\xe9{% compress css %}{% endcompress %}",
            "jinja/picture.png": b"\x89PNG\xff",
        }
    )
    told = project.fails("fix_less_imports_collectstatic")
    notes, told = told.split("CommandError: ")
    assert [line.split(":")[0].strip() for line in told.splitlines()[1:-1]] == [
        *("style/less/dark.less", "style/less/page.less", "style/less/parent.less")
    ]
    assert "in no template's reach: style/less/quiet.less:1:" in notes
    assert "jinja/failing.html: UndefinedError" in notes
    assert "latin.html: UnicodeDecodeError" in notes


def test_one_string_that_would_have_to_be_two_paths_is_told(make_project):
    """Both files are six folders deep in the source, and at different depths in the static root."""
    project = collected(
        make_project,
        {
            "main.less": "@p: '../../../../../../node_modules/bootstrap/less/mixins';\n"
            '@import "@{p}";\n@import "../../../../../../one/x/y/z/w/less/user";',
            "../../../../../../one/x/y/z/w/less/user.less": '@import "@{p}";',
        },
        SETTINGS + 'STATICFILES_DIRS += [BASE_DIR / "one/x/y/z/w"]\n',
    )
    assert project.fails("fix_less_imports_collectstatic") == (
        'CommandError: "../../../../../../node_modules/bootstrap/less/mixins" would have to be'
        " ../../bootstrap/less/mixins and ../bootstrap/less/mixins: files in folders of different depth use it\n"
        "  where: style/less/main.less:1\n"
        "  mend:  give each of these files a variable of its own, or write its path out\n"
    )


def test_without_a_static_root_it_says_what_to_run(make_project):
    project = make_project({})
    assert project.fails("fix_less_imports_collectstatic") == (
        "CommandError: the static root is not there\n"
        f"  where: {project.path}/staticfiles\n"
        "  mend:  run: manage.py collectstatic\n"
    )
