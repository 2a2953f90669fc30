import hashlib
import stat

import pytest

from fab_static.plan import versions


def version(text):
    return hashlib.sha1(text.encode()).hexdigest()[:7]


def test_the_version_is_of_the_served_bytes_when_two_apps_ship_one_path(make_project):
    """features.md, fact 7: collectstatic serves the first, HQ's command recorded the last."""
    project = make_project({"one/static/shared.js": "first", "two/static/shared.js": "last"})
    project.manage("resource_static")
    assert versions.parse(project.read("resource_versions.yml")) == {"shared.js": version("first")}
    project.manage("collectstatic", "--noinput")
    project.write({"staticfiles/shared.js": "rewritten after it was collected"})
    project.manage("resource_static")
    recorded = versions.parse(project.read("resource_versions.yml"))
    assert recorded == {"shared.js": version("rewritten after it was collected")}


def test_it_is_written_from_scratch_so_that_stale_names_vanish(make_project):
    project = make_project(
        {"one/static/one/a.js": "a", "resource_versions.yml": "- {name: gone.js, version: 0123456}"}
    )
    assert "1 versions written to" in project.manage("resource_static")
    assert (
        project.read("resource_versions.yml")
        == f'- name: "one/a.js"\n  version: "{version("a")}"\n'
    )
    assert stat.S_IMODE((project.path / "resource_versions.yml").stat().st_mode) == 0o644


def test_the_names_that_hq_skips_are_skipped(make_project):
    files = dict.fromkeys(
        ("a.js", "a.js~", "a b.js", ".hidden", ".git/c.js", "my docs/d.js", "no/e.js"), "x"
    )
    project = make_project({f"one/static/{name}": text for name, text in files.items()})
    project.manage("resource_static")
    assert set(versions.parse(project.read("resource_versions.yml"))) == {"a.js", "no/e.js"}


def test_what_is_skipped_is_a_setting(make_project, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/far.js").write_text("far")
    files = {"one/static/a.js": "a", "one/static/a b.js": "ab", "one/static/no/e.js": "e"}
    outside = "STATICFILES_DIRS = [('lib', BASE_DIR.parent / 'elsewhere')]\n"
    project = make_project(files, outside)
    project.manage("resource_static")
    assert "lib/far.js" not in versions.parse(project.read("resource_versions.yml"))
    project = make_project(
        files, f"{outside}FAB_STATIC_VERSIONS_WITHIN = None\nFAB_STATIC_VERSIONS_SKIP = ['no']\n"
    )
    project.manage("resource_static")
    assert set(versions.parse(project.read("resource_versions.yml"))) == {
        "a.js",
        "a b.js",
        "lib/far.js",
    }


def test_a_linked_node_modules_has_versions(make_project, tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/a.js").write_text("a")
    project = make_project({}, "STATICFILES_DIRS = [BASE_DIR / 'node_modules']\n")
    (project.path / "node_modules").symlink_to(tmp_path / "shared")
    project.manage("resource_static")
    assert set(versions.parse(project.read("resource_versions.yml"))) == {"a.js"}


@pytest.mark.parametrize(
    ("settings", "before", "after"),
    [
        ("", {}, "resource_versions.yml"),
        ("", {"resource_versions.yaml": "[]"}, "resource_versions.yaml"),
        ("BASE_DIR = BASE_DIR / 'proj'\n", {}, "proj/resource_versions.yml"),
        (
            "BASE_DIR = BASE_DIR / 'proj'\n",
            {"resource_versions.yaml": ""},
            "resource_versions.yaml",
        ),
        ("FAB_STATIC_VERSIONS_FILE = 'etc/v.yml'\n", {}, "etc/v.yml"),
    ],
)
def test_the_file_that_the_project_has_is_the_one_written(make_project, settings, before, after):
    project = make_project({"one/static/a.js": "a", **before}, settings)
    project.manage("resource_static")
    assert [str(each.relative_to(project.path)) for each in project.path.rglob("*.y*ml")] == [after]
    assert versions.parse(project.read(after)) == {"a.js": version("a")}


@pytest.mark.parametrize(
    ("settings", "before", "form"),
    [
        ("", "", "list"),
        ("", "old.js: '1234567'", "mapping"),
        ("FAB_STATIC_VERSIONS_FORM = 'list'\n", "old.js: '1234567'", "list"),
        ("FAB_STATIC_VERSIONS_FORM = 'mapping'\n", "", "mapping"),
    ],
)
def test_the_form_that_the_file_has_is_kept_unless_a_setting_says_otherwise(
    make_project, settings, before, form
):
    project = make_project({"one/static/a.js": "a", "resource_versions.yml": before}, settings)
    project.manage("resource_static")
    assert versions.form_of(project.read("resource_versions.yml")) == form


def test_an_unknown_form_is_refused(make_project):
    project = make_project({}, "FAB_STATIC_VERSIONS_FORM = 'toml'\n")
    assert project.fails("resource_static") == (
        "CommandError: FAB_STATIC_VERSIONS_FORM is 'toml'\n"
        "  where: settings proj.settings\n"
        "  mend:  set it to one of: list, mapping\n"
    )
