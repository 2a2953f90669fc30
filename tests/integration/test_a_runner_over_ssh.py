"""`record: bucket` where the build host is reached over SSH and does not last: each command finds it empty.

Web hosts last. The bucket keeps the lock, the journal and the record; real SSH servers, real Django, a strict store.
"""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_s3 import BucketOperator, bucketed, change
from tests.strict_s3 import REGION

assert bucketed  # a fixture
NAME = "kept"
PREFIX = f"shop/{NAME}"


class Runner:
    """The environment, whose build host has nothing but a checkout whenever a command comes."""

    def __init__(self, operator: BucketOperator) -> None:
        self.operator, self.store = operator, operator.store
        self.host = operator.fleet.hosts["build1"]
        self.clean = operator.folder / "checkout"
        shutil.copytree(self.host.code, self.clean)

    def renew(self) -> None:
        """Give the build host another disk."""
        shutil.rmtree(self.host.folder / NAME, ignore_errors=True)
        shutil.rmtree(self.host.code)
        shutil.copytree(self.clean, self.host.code)

    def change(self, text: str) -> None:
        """Commit other styles and another logo; web hosts have the code already."""
        self.renew()
        change(self.operator, text, text)
        shutil.copytree(self.host.code, self.clean, dirs_exist_ok=True)

    def fab(self, *words: str, code: int = 0) -> Any:
        self.renew()
        return self.operator.fab(*words, name=NAME, code=code)

    def status(self, code: int = 0) -> Any:
        self.renew()
        return self.operator.json("status", name=NAME, code=code)

    def logo(self) -> str:
        return self.store.body(f"{PREFIX}/logo.svg").decode()

    def live(self) -> str:
        """Return what is live by the record, on each web host and in the bucket."""
        status = self.status()
        assert status["agreed"], status
        assert status["lock"] is None
        live = {one["live"] for one in [*status["hosts"], *status["origins"]]}
        assert live == {status["live"]}
        return str(status["live"])


@pytest.fixture(scope="module")
def runner(bucketed: BucketOperator) -> Runner:
    bucketed.write_inventory(
        NAME,
        app="tiny",
        deploy_to=f"{bucketed.fleet.folder}/{{host}}/{NAME}",
        build={"phases": ["collectstatic", "compress"]},
        origin={
            "s3": {"bucket": "shop", "prefix": f"{NAME}/", "region": REGION},
            "endpoint_url": bucketed.store.url,
        },
        release={"record": "bucket"},
        keep_releases=1,
        keep_for="0s",
    )
    return Runner(bucketed)


def test_each_command_may_find_another_build_host(runner: Runner) -> None:
    """Deploy, prepare, activate, rollback, prune and every task that looks (DESIGN §10)."""
    runner.fab("deploy")
    first = runner.live()
    runner.change("green")
    runner.fab("prepare")
    assert runner.live() == first
    runner.fab("activate")
    second = runner.live()
    assert second != first
    assert "green" in runner.logo()

    runner.renew()
    there = {one["id"]: one["state"] for one in runner.operator.json("releases", name=NAME)}
    assert there == {first: "previous", second: "live"}
    changed = runner.operator.json("diff", name=NAME)["changed"]
    assert changed == ["CACHE/manifest.json", "logo.svg", "site.css"]
    assert runner.operator.json("plan", name=NAME)["live"] == second
    assert not (runner.host.folder / NAME).exists(), "who looks writes nothing"

    runner.fab("rollback")
    assert runner.live() == first
    runner.change("blue")
    runner.fab("deploy")
    third = runner.live()
    runner.fab("prune")
    runner.fab("verify", "--audit")
    runner.fab("rollback")
    assert runner.live() == first
    runner.fab("rollback", "--to", third)
    assert runner.live() == third


def test_the_lock_lies_in_the_bucket_and_a_second_run_hears_who_has_it(runner: Runner) -> None:
    """Also where the first one works on another build host, of the same name, that nobody else can see."""
    runner.change("red")
    heard: list[Any] = []

    def second(method: str, key: str) -> None:
        if method == "PUT" and key == f"{PREFIX}/.fab_static/manifest.json" and not heard:
            heard.append(None)
            heard.append(runner.operator.fab("deploy", name=NAME, code=3))

    runner.store.before = second
    try:
        runner.operator.fab("deploy", name=NAME)
    finally:
        runner.store.before = lambda method, key: None
    assert "deploy" in heard[1].stderr
    assert "red" in runner.logo()
    assert not (runner.host.folder / NAME / "lock").exists()


def test_an_operator_that_is_killed_in_the_flip_is_followed_by_one_that_finds_nothing_here(
    runner: Runner,
) -> None:
    before = runner.live()
    runner.change("killed")
    started: list[Any] = []

    def kill(method: str, path: str) -> None:
        if method == "PUT" and path == f"{PREFIX}/logo.svg" and started:
            started.pop().send_signal(signal.SIGKILL)

    process = runner.operator.start("deploy", name=NAME)
    started.append(process)
    runner.store.before = kill
    process.communicate(timeout=300)
    runner.store.before = lambda method, key: None
    assert process.returncode == -signal.SIGKILL
    runner.fab("rollback", "--to", before, "--wait", "120")
    assert runner.live() == before
    runner.fab("deploy")
    assert "killed" in runner.logo()
    assert runner.live() != before


def test_no_object_is_left_where_the_next_build_host_cannot_find_it(runner: Runner) -> None:
    """All of every kept release lies in the bucket: the record names no seal that is not there."""
    runner.live()
    record = json.loads(runner.store.body(f"{PREFIX}/.fab_static/record.json"))
    held = {Path(key).name for key in runner.store.objects}
    assert len(record["releases"]) >= 2
    assert {one["sha256"] for one in record["releases"].values()} <= held
