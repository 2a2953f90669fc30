"""django-webpack-loader's manifest by itself; test_followed.py has pages, requests and flips."""

import pytest

SETTINGS = """
INSTALLED_APPS += ["webpack_loader"]
WEBPACK_LOADER = {"DEFAULT": {"STATS_FILE": str(BASE_DIR / "stats.json"),
                              "LOADER_CLASS": "fab_static.django_app.webpack.Loader"}}
"""
SHOWN = "from webpack_loader.utils import get_files; print(get_files('a'))"


def test_the_bundles_of_the_manifest_are_printed_as_webpack_loader_prints_them(make_project):
    stats = '{"status": "done", "chunks": {"a": ["a.js"]}, "assets": {"a.js": {"name": "a.js"}}}'
    project = make_project({"stats.json": stats}, SETTINGS)
    assert project.python(SHOWN).strip() == (
        "[{'name': 'a.js', 'url': '/static/webpack_bundles/a.js'}]"
    )


@pytest.mark.parametrize("is_there", [True, False])
def test_a_manifest_that_never_could_be_read_fails_the_page_that_asks(make_project, *, is_there):
    project = make_project({"stats.json": "[]"} if is_there else {}, SETTINGS)
    done = project.run("-c", f"import django; django.setup()\n{SHOWN}")
    assert ("not a JSON object" if is_there else "No such file") in done.stderr


def test_while_the_project_is_developed_each_look_is_at_the_file_of_this_moment(make_project):
    """Webpack's watcher says there that it is at work, and the loader waits for the end."""
    compiling = '{"status": "compile"}'
    project = make_project({"stats.json": compiling}, SETTINGS + "DEBUG = True\n")
    shown = project.python(
        "from webpack_loader.utils import get_loader; import pathlib\n"
        "loader = get_loader('DEFAULT'); first = loader.get_assets()\n"
        "pathlib.Path('stats.json').write_text('{\"status\": \"done\"}'); print(first, loader.get_assets())"
    )
    assert shown.strip() == "{'status': 'compile'} {'status': 'done'}"
