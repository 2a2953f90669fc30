"""docs/ssh.md says what is so: the counts of the table, and the settings that are followed and not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fab_static.remote.ssh.comparing import NOT_FOLLOWED
from tests.integration.ssh_setups import TABLE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ssh.md"


def rows() -> list[str]:
    """Return the table of the set-ups as it should stand; what depends on the version of ssh counts as neither."""
    counted = []
    for part, setups in TABLE.items():
        certain = [row for row in setups if not row.get("as_ssh")]
        refused = sum("says" in row for row in certain)
        counted.append(f"| {part} | {len(setups)} | {len(certain) - refused} | {refused} |")
    sums = [sum(int(row.split("|")[at]) for row in counted) for at in (2, 3, 4)]
    return [*counted, f"| **all** | {sums[0]} | {sums[1]} | {sums[2]} |"]


def test_the_page_counts_the_set_ups_as_the_table_has_them() -> None:
    assert "\n".join(rows()) in PAGE.read_text("utf-8")


@pytest.mark.parametrize(
    "keyword", re.findall(r"`?([A-Z][a-z]+[A-Z]\w+)`?", PAGE.read_text("utf-8"))
)
def test_a_setting_that_is_followed_is_not_called_unfollowed(keyword: str) -> None:
    followed = (
        PAGE.read_text("utf-8")
        .partition("## What comes from where")[2]
        .partition("Not followed:")[0]
    )
    if keyword in followed and keyword != "StrictHostKeyChecking":
        assert keyword.lower() not in NOT_FOLLOWED
