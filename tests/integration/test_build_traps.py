"""What real builds do to a deploy tool, twenty traps that were met, and the test that keeps each shut.

Where a trap has its test elsewhere, TRAPS names it; test_every_trap_has_its_test keeps the table true.
"""

import ast
import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

from tests.integration.test_command_line import local  # noqa: F401  # a fixture
from tests.integration.test_django_commands import (  # noqa: F401  # fixtures
    ROOT,
    prepared,
    shop,
)

TESTS = Path(__file__).parents[1]
TRAPS = {
    1: (
        "compress must come after whatever makes versions",
        "unit/plan/test_build_order.py::test_compress_comes_after_everything_that_makes_versions",
    ),
    2: (
        "compress drops blocks and exits 0",
        "unit/host/project/test_probe.py::test_a_block_that_compress_drops_without_a_word_is_told",
        "unit/host/project/test_probe.py::test_templates_that_do_not_parse_are_told_with_whether_a_block_is_lost",
        "integration/test_deploy.py::test_a_template_that_loses_its_block_fails_the_phase_by_name",
    ),
    3: (
        "manifest.json's bytes are not stable",
        "unit/plan/test_offline_manifest.py::test_the_same_content_gives_the_same_bytes_whatever_its_order",
        "integration/test_deploy.py::test_a_deploy_of_an_unchanged_release_sends_no_object",
    ),
    4: (
        "with the hashing method mtime two builds give other names",
        "integration/test_build_traps.py::test_two_builds_of_one_source_give_the_same_files",
        "integration/test_looking.py::test_the_doctor_finds_a_healthy_fleet_well",
    ),
    5: (
        "a warm collectstatic trusts mtimes, and keeps what was removed",
        "integration/test_build_traps.py::test_a_static_root_is_collected_from_scratch_whatever_times_files_have",
    ),
    6: (
        "r.js in place bundles its own output",
        "integration/test_django_commands.py::test_a_second_run_over_its_own_output_equals_the_first",
    ),
    7: (
        "a mainConfigFile with ../ is relative to build.js",
        "integration/test_build_traps.py::test_bundles_are_built_wherever_the_static_root_lies",
    ),
    8: (
        "a failed compress leaves new files beside the old manifest",
        "integration/test_deploy.py::test_a_less_syntax_error_fails_with_the_file_and_nothing_live_changes",
    ),
    9: (
        "after the flip old workers ask for old names still",
        "integration/test_deploy.py::test_two_deploys_and_a_rollback_serve_each_byte_as_recorded",
        "unit/django_app/test_reload.py::test_a_request_that_is_under_way_keeps_to_the_release_it_began_with",
        "unit/plan/test_offline_manifest.py::test_a_union_serves_both_releases_and_the_new_one_wins",
    ),
    10: (
        "CACHE/ is not always CACHE/",
        "unit/host/project/test_probe.py::test_settings_are_told_as_django_and_compressor_read_them",
        "unit/plan/test_offline_manifest.py::test_assets_are_all_files_that_values_link_to",
    ),
    11: (
        "a manifest value may hold several links or a <style>, and a context many keys",
        "unit/plan/test_offline_manifest.py::test_assets_are_all_files_that_values_link_to",
        "unit/plan/test_offline_manifest.py::test_inline_styles_and_scripts_name_no_assets",
        "unit/host/project/test_probe.py::test_every_offline_context_is_rendered",
    ),
    12: (
        "importers and contexts read the sources: compress needs the checkout",
        "integration/test_command_line.py::test_another_checkout_is_built_with_project_path",
    ),
    13: (
        "a process for each file costs seconds and hundreds of megabytes",
        "integration/test_build_traps.py::test_all_bundles_take_one_node_that_may_talk_on_stderr",
    ),
    14: (
        "compilers colour into pipes, and talk on stderr when all is well",
        "unit/report/test_terminal.py::test_what_would_move_the_cursor_is_removed_and_text_is_kept",
        "integration/test_build_traps.py::test_all_bundles_take_one_node_that_may_talk_on_stderr",
    ),
    15: (
        "folders follow the umask, and nginx cannot enter",
        "unit/host/test_agent_protocol.py::test_what_the_agent_writes_can_be_read_by_nginx_whatever_the_logins_umask",
        "integration/test_build_traps.py::test_what_our_commands_write_can_be_read_whatever_the_umask",
    ),
    16: (
        "packages bring files that were never meant to work",
        "unit/django_app/test_fix_less_imports.py"
        "::test_dangling_imports_in_use_fail_with_file_and_line_and_others_are_only_told",
        "integration/test_build_traps.py::test_files_of_packages_that_are_no_javascript_or_less_stop_nothing",
    ),
    17: (
        "starting the project dominates small builds",
        "integration/test_build_traps.py::test_each_phase_starts_the_project_once",
    ),
    18: (
        "a LESS path in a variable is seen from the file that uses it",
        "integration/test_sample_project.py::test_the_style_sheet_is_the_one_that_the_sources_give",
        "unit/django_app/test_fix_less_imports.py::test_a_variable_is_right_for_the_deeper_file_that_uses_it",
        "integration/test_less.py::test_the_css_after_the_fix_is_that_of_the_sources_byte_for_byte",
    ),
    19: (
        "it compiled, with the wrong Bootstrap",
        "unit/django_app/test_fix_less_imports.py"
        "::test_an_accidental_hit_in_the_static_root_does_not_hide_the_file_that_is_meant",
    ),
    20: (
        "LESS that is not UTF-8, or has CRLF",
        "unit/django_app/test_fix_less_imports.py"
        "::test_an_import_that_moved_is_found_through_the_finders_and_nothing_else_changes",
        "integration/test_less.py::test_only_the_paths_of_imports_changed",
    ),
}


def test_every_trap_has_its_test():
    assert sorted(TRAPS) == list(range(1, 21))
    gone = []
    for _, *named in TRAPS.values():
        assert named
        for test in named:
            file, name = test.split("::")
            tree = ast.parse((TESTS / file).read_text())
            if name not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
                gone.append(test)
    assert gone == []


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"  # its order differs: trap 3
    }


def test_two_builds_of_one_source_give_the_same_files(shop, tmp_path):  # noqa: F811
    built = []
    for times in (1_000_000_000, 1_700_000_000):
        for path in shop.path.rglob("*.*"):
            if not path.is_symlink() and "node_modules" not in path.parts:
                os.utime(path, (times, times))
        shop.manage("collectstatic", "--noinput", "--clear", "-v0")
        for command in ("fix_less_imports_collectstatic", "resource_static"):
            shop.manage(command)
        shop.manage("build_requirejs", "--minify", "oxc")
        shop.manage("compress", "--force", "-v0")
        manifest = json.loads((shop.root / "CACHE/manifest.json").read_text())
        built.append((digests(shop.root), manifest, shop.versions))
    assert built[0] == built[1]


def test_a_static_root_is_collected_from_scratch_whatever_times_files_have(local):  # noqa: F811
    """A checkout of an older revision brings files older than the collected ones."""
    code = local.fleet.hosts["here"].code
    local.fab("collectstatic")
    (code / "assets/logo.svg").write_text("<svg id='of an older revision'/>")
    os.utime(code / "assets/logo.svg", (1, 1))
    (code / "assets/paper.svg").unlink()
    (code / "staticfiles/site.css").write_text("edited in place by a later phase")
    local.fab("collectstatic")
    root = code / "staticfiles"
    assert (root / "logo.svg").read_text() == "<svg id='of an older revision'/>"
    assert not (root / "paper.svg").exists()
    assert (root / "site.css").read_bytes() == (code / "assets/site.css").read_bytes()


def test_each_phase_starts_the_project_once(local):  # noqa: F811
    code = local.fleet.hosts["here"].code
    with (code / "tiny/settings.py").open("a") as settings:
        settings.write(
            "import sys\n(BASE_DIR / 'starts').open('a').write(' '.join(sys.argv[1:2]) + '\\n')\n"
        )
    local.fab("deploy")
    starts = (code / "starts").read_text().splitlines()
    assert starts.count("collectstatic") == starts.count("compress") == 1
    # what the settings are, before and after the build; each coverage gate; the sources
    assert starts.count("fab_static_probe") <= 5, starts


def test_bundles_are_built_wherever_the_static_root_lies(shop, tmp_path):  # noqa: F811
    """And what mainConfigFile says with ../ is seen from the checkout, as r.js sees it from build.js there."""
    before = shop.manage("build_requirejs")
    root = tmp_path / "elsewhere/deep/static"
    with (shop.path / "shop/settings.py").open("a") as settings:
        settings.write(f"STATIC_ROOT = {str(root)!r}\n")
    description = shop.path / "shop/static/shop/yaml/requirejs.yml"
    main = "mainConfigFile: shop/js/requirejs_config.js"
    text = description.read_text()
    assert main in text
    description.write_text(
        text.replace(main, "mainConfigFile: ../shop/static/shop/js/requirejs_config.js")
    )
    shop.prepare()
    assert shop.manage("build_requirejs") == before


def test_all_bundles_take_one_node_that_may_talk_on_stderr(shop, tmp_path):  # noqa: F811
    node = tmp_path / "node"
    node.write_text(
        f"#!/bin/sh\necho start >> {tmp_path}/starts\necho '\x1b[33mDeprecationWarning\x1b[39m' >&2\n"
        'exec node "$@"\n'
    )
    node.chmod(0o755)
    with (shop.path / "shop/settings.py").open("a") as settings:
        settings.write(f"FAB_STATIC_NODE = {str(node)!r}\n")
    shop.manage("build_requirejs", "--minify", "oxc")
    assert (tmp_path / "starts").read_text().split() == ["start"]


def test_what_our_commands_write_can_be_read_whatever_the_umask(shop):  # noqa: F811
    """A bundle may be the first file in its folder."""
    folder = shop.root / "shop/new/deep"
    with (shop.path / "shop/static/shop/yaml/requirejs.yml").open("a") as description:
        description.write(
            "  - name: shop/new/deep/bundle\n    create: true\n    include: [shop/js/money]\n"
        )
    (shop.path / "resource_versions.yml").unlink()
    for command in ("resource_static", "build_requirejs"):
        done = subprocess.run(
            [sys.executable, "manage.py", command],
            cwd=shop.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            umask=0o077,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
    written = [folder.parent, folder, folder / "bundle.js", shop.path / "resource_versions.yml"]
    modes = [stat.S_IMODE(path.stat().st_mode) for path in written]
    assert [oct(mode) for mode in modes] == ["0o755", "0o755", "0o644", "0o644"]


def test_files_of_packages_that_are_no_javascript_or_less_stop_nothing(shop):  # noqa: F811
    """node_modules brings its tests: only what pages use must be whole."""
    for name, data in {
        "junk/test/broken.less": b"@import 'none' { url( \xff",
        "junk/test/template.js": b"{% if x %}define([{% endif %}",
        "junk/test/bytes.js": bytes(range(256)),
        "junk/test/a.css": b"a { background: url(never/existed.png) }",
    }.items():
        (shop.path / "shop/static" / name).parent.mkdir(parents=True, exist_ok=True)
        (shop.path / "shop/static" / name).write_bytes(data)
    shop.prepare().manage("build_requirejs", "--minify", "oxc")
    shop.manage("compress", "--force", "-v0")
    assert "junk/test/bytes.js" in shop.versions
