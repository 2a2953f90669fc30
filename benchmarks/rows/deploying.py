"""Whole deploys of the sample project to eight hosts: 1 builds, 3 are static, 4 render pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import ROOT, upstream
from benchmarks.fleets import FAB, OF_EIGHT, Operator, plain, run
from benchmarks.measure import Cost, cost
from benchmarks.results import Figure, Row, cpu, seconds
from benchmarks.rows.building import SAMPLE, change

UNCHANGED, LESS, LESS_RATIO, CPU, RESTARTED = (
    "deploy-unchanged",
    "deploy-less",
    "deploy-less-ratio",
    "deploy-cpu",
    "deploy-less-restarted",
)
ROWS = (UNCHANGED, LESS, LESS_RATIO, CPU, RESTARTED)


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the rows. Upstream builds in checkouts of its own on the same hosts, and restarts no web process."""
    del small
    shop = SAMPLE.write(folder / "project")
    with (shop / "shop" / "settings.py").open("a", encoding="utf-8") as settings:
        settings.write("\nFAB_STATIC_RELOAD = True\n")
    with plain(
        folder / "hosts", OF_EIGHT, project=shop, settings=SAMPLE.settings, app="shop"
    ) as fleet:
        operator = Operator(fleet, folder / "operator")
        pages = [f"{fleet.site(host.name)}/" for host in fleet.with_role("web")]
        command = "manage.py build_requirejs --minify oxc"
        running = f"http://{{address}}:{fleet.app_port}/static-release"

        def describe(**web: str) -> None:
            operator.describe(
                build={"commands": {"build_requirejs": command}},
                probe={"pages": pages},
                web={"running": running, **web},
                keep_releases=3,
            )

        def deploy() -> object:
            return operator.fab("deploy")

        def restarted() -> object:
            describe()
            try:
                return operator.fab("deploy")
            finally:
                describe(reload="")

        def change_less(mark: str) -> None:
            for host in fleet.hosts.values():
                change(host.code, SAMPLE, "less", mark)

        describe(reload="")
        theirs = _upstream(operator, folder)
        mine: dict[str, list[Cost]] = {"first": [], "less": [], "unchanged": [], "restarted": []}
        other: list[Cost] = []
        mine["first"].append(cost(deploy))
        for number in range(times):
            for what, work in (("less", deploy), ("unchanged", deploy), ("restarted", restarted)):
                if what != "unchanged":
                    change_less(f"{what[0]}{number}")
                mine[what].append(cost(work))
                tell(f"{number + 1}/{times} {what}: {mine[what][-1]}")
            other.append(cost(theirs))
            tell(f"{number + 1}/{times} upstream: {other[-1]}")
    note = (
        "Every page's assets asked from each origin by the probe; web processes follow the release "
        "(FAB_STATIC_RELOAD), and are asked whether they do."
    )
    yield Row(
        UNCHANGED,
        "whole `deploy` to 8 hosts, nothing changed",
        seconds(mine["unchanged"]),
        2.5,
        cpu=(cpu(mine["unchanged"]), None),
    )
    yield Row(
        LESS,
        "whole `deploy` to 8 hosts, one LESS line changed, probe included",
        seconds(mine["less"]),
        6.0,
        cpu=(cpu(mine["less"]), None),
        note=note,
    )
    yield Row(
        LESS_RATIO,
        "the same, against upstream's whole deploy",
        seconds(mine["less"]),
        0.15,
        seconds(other),
        "upstream's deploy",
    )
    yield Row(
        CPU,
        "CPU seconds over the fleet of 8, one LESS line changed",
        cpu(mine["less"]),
        0.10,
        cpu(other),
        "upstream's sum",
        note=f"Ours for the first deploy ever, nothing kept: {Figure.of([each.cpu for each in mine['first']], 'CPU s')}.",
    )
    yield Row(
        RESTARTED,
        "`deploy` to 8 hosts, one LESS line changed, and web processes restarted, which upstream does not",
        seconds(mine["restarted"]),
        None,
        seconds(other),
        "upstream's deploy",
        cpu=(cpu(mine["restarted"]), cpu(other)),
        note="`web.reload` has gunicorn start 8 workers anew, on the two cores that play nine machines.",
    )


def _upstream(operator: Operator, folder: Path) -> Callable[[], object]:
    """Return the other deploy, of checkouts beside ours on the same hosts."""
    fleet = operator.fleet
    hosts = []
    for host in fleet.hosts.values():
        if set(host.roles) & {"static", "web"}:
            checkout = SAMPLE.write(host.folder / "upstream")
            hosts.append(
                {
                    "address": host.address,
                    "port": host.port,
                    "roles": list(host.roles),
                    "checkout": str(checkout),
                }
            )
    described = folder / "upstream.json"
    described.write_text(
        json.dumps(
            {
                "settings": SAMPLE.settings,
                "user": fleet.user,
                "identity": str(fleet.identity),
                "hosts": hosts,
            }
        )
    )
    environment = {
        **operator.environment,
        "UPSTREAM_HOSTS": str(described),
        "PYTHONPATH": str(ROOT),
    }
    command = [FAB, "--search-root", str(ROOT / "benchmarks" / "upstream"), "deploy"]

    def deploy() -> None:
        run(command, env=environment)
        made = {upstream.manifest(Path(host["checkout"])).read_bytes() for host in hosts}
        assert len(made) == 1, "upstream's hosts have different offline manifests"

    return deploy
