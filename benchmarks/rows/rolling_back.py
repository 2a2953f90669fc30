"""Rollback on eight hosts, both manifests verified, against Capistrano's on the same hosts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.fleets import OF_EIGHT, Operator, bare, run
from benchmarks.measure import in_turn
from benchmarks.project import noise, script
from benchmarks.results import Row, cpu, seconds

ROLLBACK = "rollback"
ROWS = (ROLLBACK,)
FILES, BYTES = 200, 2_000_000
CAPFILE = """\
require "capistrano/setup"
require "capistrano/deploy"
require "capistrano/scm/plugin"
class NoSource < Capistrano::SCM::Plugin # so that it need not ask a repository for anything
  def define_tasks
    namespace(:nothing) { %i[check create_release set_current_revision].each { |name| task(name) {} } }
  end
  def register_hooks; end
end
install_plugin NoSource
"""


def measure(folder: Path, times: int, tell: Callable[[str], None], small: bool) -> Iterator[Row]:
    """Yield the row; Capistrano's side is left out where it is not installed."""
    del small
    with bare(folder, OF_EIGHT) as operator:
        releases = []
        assets = operator.fleet.hosts["build1"].code / "assets"
        for mark in ("a", "b"):
            for number in range(FILES):
                name, make = (f"{number}.js", script) if number % 2 else (f"{number}.png", noise)
                (assets / name).write_bytes(make(name + mark, BYTES // FILES))
            operator.fab("deploy")
            releases.append(operator.live())

        def ours() -> None:
            here = operator.live()
            there = next(each for each in releases if each != here)
            operator.fab("rollback", "--to", there)
            assert operator.live() == there

        ways: dict[str, Callable[[], object]] = {"fab rollback": ours}
        before: Callable[[int], object] = lambda _: None  # noqa: E731
        if shutil.which("cap"):
            before, ways["cap deploy:rollback"] = _capistrano(operator, folder / "capistrano")
        costs = in_turn(ways, times, tell, before)
        mine, other = costs["fab rollback"], costs.get("cap deploy:rollback")
        yield Row(
            ROLLBACK,
            "`rollback` on 8 hosts, both manifests and every byte verified",
            seconds(mine),
            0.7 if other else None,
            seconds(other) if other else None,
            "Capistrano's `deploy:rollback`" if other else "",
            (cpu(mine), cpu(other) if other else None),
            "Capistrano moves a link and packs the release that it leaves; it verifies nothing, and asks no project."
            if other
            else "Capistrano is not installed here, so nothing is compared (Debian: apt-get install capistrano).",
        )


def _capistrano(
    operator: Operator, folder: Path
) -> tuple[Callable[[int], object], Callable[[], object]]:
    """Return what sets releases up for Capistrano, and its rollback."""
    fleet = operator.fleet
    (folder / "config" / "deploy").mkdir(parents=True)
    (folder / "Capfile").write_text(CAPFILE)
    (folder / "config" / "deploy.rb").write_text(
        'lock "~> 3.0"\nset :application, "bench"\nset :deploy_to, "~/capistrano"\nset :format, :simpletext\n'
        f'set :ssh_options, {{ keys: ["{fleet.identity}"], keys_only: true, '
        f'user_known_hosts_file: "{fleet.known_hosts}" }}\n'
    )
    servers = [
        f'server "{host.address}", port: {host.port}, user: "{fleet.user}", roles: %w[web]\n'
        for host in fleet.hosts.values()
    ]
    (folder / "config" / "deploy" / "bench.rb").write_text("".join(servers))
    source = fleet.hosts["build1"].code / "staticfiles"

    def set_up(number: int) -> None:
        del number
        for host in fleet.hosts.values():
            root = host.folder / "capistrano"
            shutil.rmtree(root, ignore_errors=True)
            for age, release in enumerate(("20260101000000", "20260102000000")):
                shutil.copytree(source, root / "releases" / release)
                os.utime(root / "releases" / release, (age, age))  # which Capistrano goes by
            (root / "shared").mkdir()
            (root / "current").symlink_to(root / "releases" / "20260102000000")

    def rollback() -> None:
        run(["cap", "bench", "deploy:rollback"], cwd=folder, env=operator.environment)
        for host in fleet.hosts.values():
            live = (host.folder / "capistrano" / "current").readlink()
            assert live.name == "20260101000000", f"Capistrano left {live} on {host.name}"

    return set_up, rollback
