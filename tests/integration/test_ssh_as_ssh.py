"""What `ssh web1` does, we do: where it gets in, we get in; where it refuses, we refuse, and say why (fleet A1, B, C)."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

from tests.integration.ssh_bench import CLIENTS, Bench
from tests.integration.ssh_setups import HOST, KNOWN, LIKE_PLAIN, TABLE, Row

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs accounts of its own: root"),
    pytest.mark.timeout(900),  # the first one waits until no other run has these accounts
]
ROWS = [row for rows in TABLE.values() for row in rows]
NAMES = [f"{part}: {row['name']}" for part, rows in TABLE.items() for row in rows]


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What each row came to."""
    with Bench() as bench:
        return dict(zip(NAMES, bench.run([spelt_out(row) for row in ROWS]), strict=True))


def spelt_out(row: Row) -> Row:
    """Return a row with all that it leaves out."""
    config, known = row.get("config", HOST), row.get("known", KNOWN)
    if server := row.get("server"):
        config = f"Host web1\n  HostName {{at_{server}}}\n  Port 2208\n{config}"
        known = LIKE_PLAIN
    files = {"config": config, **row.get("files", {})}
    if known is not None:
        files["known_hosts"] = known
    return {
        "files": files,
        "inventory": {key: row[key] for key in ("ssh", "host") if key in row},
        "given": row.get("given", {}),
        "copies": row.get("copies", {}),
        "environment": row.get("environment", {}),
        "agent": row.get("agent"),
        "words": row.get("words", []),
        "asked": row.get("asked", "web1"),
        "not_for_ssh": row.get("not_for_ssh"),
    }


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("row", "name"), list(zip(ROWS, NAMES, strict=True)), ids=NAMES)
def test_we_are_let_in_where_ssh_is_and_refused_where_it_is(
    found: dict[str, Any], row: Row, name: str, client: str
) -> None:
    result = found[name]
    assert "broken" not in result, result["broken"]
    ours, words = result[client], result["words"]
    row = {**row, **row.get(client, {})}
    if not row.get("not_for_ssh"):
        assert ours["is_in"] == (result["ssh"][0] == 0), (ours, result["ssh"])
    if not row.get("as_ssh"):
        assert ours["is_in"] == ("says" not in row), ours
    if ours["is_in"]:
        return
    for part, said in (("says", "what"), ("where", "where"), ("cure", "mend")):
        pattern = re.sub(
            r"\{(account|home|keys)\}", lambda match: words[match[1]], row.get(part, "")
        )
        assert re.search(pattern.replace("{{", "{"), ours[said]), ours
    assert "Traceback" not in ours["what"], ours
    assert ours["mend"], ours
    assert ours["exit_code"] in ((1, 2) if row.get("as_ssh") else (row.get("exit_code", 1),)), ours


def test_the_table_is_as_large_as_it_says() -> None:
    assert len(ROWS) >= 60
    assert len(set(NAMES)) == len(ROWS)
