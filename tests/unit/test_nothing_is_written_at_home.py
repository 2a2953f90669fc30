"""Tests and the demo keep logs, reports and caches apart from the developer's own: the names of README are common ones."""

from __future__ import annotations

import os
from pathlib import Path

from demo.fleet import HOSTS, Fleet
from fab_static.report.archive import Archive


def test_a_run_in_a_test_keeps_its_report_outside_the_home() -> None:
    assert Path.home() not in Archive("shop", "staging").folder.parents
    assert Path.home() not in Path(os.environ["XDG_CACHE_HOME"]).parents


def test_who_speaks_to_a_fleet_keeps_reports_in_the_folder_of_that(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, HOSTS)
    try:
        for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
            assert tmp_path in Path(fleet.environment()[name]).parents
    finally:
        fleet.close()
