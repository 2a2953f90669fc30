"""A host that is new, was restored, or was away gets all that kept releases need, before it serves (issue 20, point 7)."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import yaml

from tests.integration.conftest import Operator, check_schema, get
from tests.integration.test_bad_days import colour
from tests.processes import becomes
from tests.unit.signing import allow, key


def new_machine(tiny: Operator, host: str) -> Path:
    """Empty a host's folder, as a machine has it that was just made; nginx answers 404."""
    folder = tiny.fleet.hosts[host].static
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    return folder


def deployed(tiny: Operator) -> list[str]:
    """Deploy three times, each with a name that only that release has; return what was live, oldest first."""
    names = []
    for shade in ("#0a0a01", "#0a0a02", "#0a0a03"):
        colour(tiny, shade)
        only = tiny.fleet.hosts["build1"].code / "assets" / f"only-{shade[1:]}.txt"
        only.write_text(shade)
        tiny.fab("deploy")
        only.unlink()
        names.append(str(tiny.live()))
    return names


def joined(tiny: Operator, *words: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(tiny.fab("join", *words, "--json").stdout)
    check_schema("join", found)
    return found


def test_a_new_machine_is_given_every_kept_release_and_then_serves_like_the_others(
    tiny: Operator,
) -> None:
    names = deployed(tiny)
    folder = new_machine(tiny, "edge2")
    others = os.lstat(tiny.fleet.hosts["edge1"].static / "current").st_mtime_ns
    found = joined(tiny, "edge2")
    assert (found["was"], found["live"], found["previous"]) == (None, names[2], names[1])
    assert str(found["releases"]).index(names[0]) < str(found["releases"]).index(names[1])
    assert {*names} <= {one.name for one in (folder / "releases").iterdir()}
    for name in names:  # pages of each of them may be open
        assert tiny.wrong(tiny.urls(name)) == []
    gone = get(tiny.fleet.origin("edge2") + "/static/only-0a0a01.txt")
    assert (gone.status, gone.body) == (200, b"#0a0a01")
    assert tiny.live() == names[2]
    assert os.lstat(tiny.fleet.hosts["edge1"].static / "current").st_mtime_ns == others
    # again: nothing is left to do, and nothing is written twice
    record = (folder / "log.jsonl").read_text()
    assert joined(tiny, "edge2")["was"] == names[2]
    assert [
        line for line in (folder / "log.jsonl").read_text().splitlines() if "confirm" not in line
    ] == [line for line in record.splitlines() if "confirm" not in line]
    # the record is the others': a prune keeps what they keep
    tiny.fab("prune")
    assert get(tiny.fleet.origin("edge2") + "/static/only-0a0a01.txt").status == 200
    tiny.fab("rollback")
    assert tiny.live() == names[1]
    tiny.fab("rollback", "--to", names[2])


def test_an_address_that_no_inventory_has_joins_for_one_run_and_its_line_is_printed(
    tiny: Operator,
) -> None:
    """An autoscaling group's hook knows an address, and no name that anybody wrote down."""
    path = tiny.folder / "inventories" / "staging.yml"
    text = path.read_text()
    edge2 = tiny.fleet.hosts["edge2"]
    inventory = yaml.safe_load(text)
    del inventory["hosts"]["edge2"]
    new_machine(tiny, "edge2")
    try:
        path.write_text(yaml.safe_dump(inventory))
        place = f"{edge2.address}:{edge2.port}"
        refused = tiny.fab("join", "edge9", code=2).stderr
        assert (
            "for a host that is not in the inventory give its address: join edge9=10.0.0.27"
            in refused
        )
        said = tiny.fab("join", f"edge2={place}").stdout
        line = f"edge2: {{address: {edge2.address}, port: {edge2.port}, roles: [static]}}"
        assert f"for inventories/staging.yml: {line}" in said
    finally:
        path.write_text(text)
    assert tiny.json("status")["agreed"]


def test_a_restored_host_is_mended_by_status_repair_and_a_web_host_passes_the_gate_first(
    tiny: Operator,
) -> None:
    live = str(tiny.live())
    edge2 = tiny.fleet.hosts["edge2"].static
    css = next(edge2.joinpath("releases", live, "static", "CACHE").rglob("*.css"))
    css.chmod(0o644)
    times = css.stat()
    css.write_bytes(b"!" + css.read_bytes()[1:])
    os.utime(css, ns=(times.st_atime_ns, times.st_mtime_ns))  # only reading it tells
    (edge2 / "current").unlink()
    new_machine(tiny, "web2")
    assert tiny.json("status", code=5)["agreed"] is False
    repaired = json.loads(tiny.fab("status", "--repair", "--json").stdout)
    assert (repaired["agreed"], repaired["live"]) == (True, live)
    assert tiny.wrong(tiny.urls(live)) == []
    assert tiny.manifests("web2") == tiny.manifests("web1")
    assert "every host has all that it should" in tiny.fab("status", "--repair").stdout


def test_a_join_that_is_killed_leaves_no_half_host_and_the_next_one_ends_it(
    tiny: Operator,
) -> None:
    live = str(tiny.live())
    folder = new_machine(tiny, "edge2")
    running = tiny.start("join", "edge2")
    assert becomes(
        lambda: bool(list((folder / "releases").glob("2*"))) or running.poll() is not None
    )
    running.send_signal(signal.SIGKILL)
    running.communicate()
    if (folder / "current").exists():
        assert (folder / "current").readlink() == Path("releases", live)
    assert joined(tiny, "edge2", "--wait", "90")["live"] == live
    assert tiny.wrong(tiny.urls(live)) == []


def test_a_host_joins_with_no_release_that_nobody_of_the_inventory_signed(
    tiny: Operator, tmp_path: Path
) -> None:
    path = tiny.folder / "inventories" / "staging.yml"
    text = path.read_text()
    signers = allow(tmp_path, key(tmp_path, "anna"))
    folder = new_machine(tiny, "edge2")
    try:
        path.write_text(text + f"\nrelease:\n  allowed_signers: {signers}\n")
        assert "is not signed" in tiny.fab("join", "edge2", code=1).stderr
        assert not (folder / "current").exists()
    finally:
        path.write_text(text)
    joined(tiny, "edge2")
