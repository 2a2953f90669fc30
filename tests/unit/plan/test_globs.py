"""Globs of files below the static root."""

import pytest

from fab_static.plan.globs import matching

PATHS = ["a.js", "dist/a.js", "dist/b.css", "dist/x/y/c.js", "dist/[1].js", "other/a.js"]


@pytest.mark.parametrize(
    ("glob", "paths"),
    [
        ("dist/**", {"dist/a.js", "dist/b.css", "dist/x/y/c.js", "dist/[1].js"}),
        ("dist/*", {"dist/a.js", "dist/b.css", "dist/[1].js"}),
        ("**/*.js", {"a.js", "dist/a.js", "dist/x/y/c.js", "dist/[1].js", "other/a.js"}),
        ("dist/?.js", {"dist/a.js"}),
        ("dist/[!a].css", {"dist/b.css"}),
        ("dist/[ab].*", {"dist/a.js", "dist/b.css"}),
        ("dist/a.js", {"dist/a.js"}),
        ("dist", set()),
        ("a.*s", {"a.js"}),
    ],
)
def test_a_glob_matches_whole_paths(glob: str, paths: set[str]) -> None:
    assert matching(glob, PATHS) == paths
