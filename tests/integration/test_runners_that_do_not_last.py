"""CI runners, each empty and soon gone, with one bucket: it keeps the lock and the record between them.

No host has the role web or static. Each run of a task works in a checkout and a `deploy_to` of its own.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaos import races
from chaos import runners as chaos
from fab_static import api
from fab_static.errors import CdnError, ManifestError
from fab_static.looking.status import agreement
from tests.integration.conftest import Told, on_this_machine, write_tiny
from tests.strict_s3 import REGION, Fault, Stored, StrictS3

STATIC = "shop/static"


class Runners:
    """As many runners as are asked for; what one has on its disk, no other one sees."""

    def __init__(self, folder: Path, store: StrictS3) -> None:
        self.folder = folder
        self.store = store
        self.code = write_tiny(folder / "code")  # what git would give each of them
        self.count = 0

    def change(self, text: str) -> None:
        """Commit another logo and other styles."""
        (self.code / "assets/site.css").write_text(f"body {{ color: {text} }}\n")
        (self.code / "assets/logo.svg").write_text(f"<svg id='{text}'/>\n")

    @contextmanager
    def one(self) -> Iterator[tuple[api.Session, Told]]:
        """Yield a session on a runner that has nothing but a checkout."""
        self.count += 1
        code = self.folder / f"runner{self.count}" / "code"
        shutil.copytree(self.code, code, ignore=shutil.ignore_patterns("staticfiles"))
        (code.parent / "inventories").mkdir()
        with on_this_machine(
            code,
            "collectstatic",
            "compress",
            name="production",
            hosts={"here": {"roles": ["build"]}},
            origin={
                "s3": {"bucket": "shop", "prefix": "static/", "region": REGION},
                "endpoint_url": self.store.url,
            },
            keep_releases=1,
            keep_for="0s",
        ) as opened:
            yield opened

    def logo(self) -> str:
        return self.store.body(f"{STATIC}/logo.svg").decode()

    def live(self) -> str:
        with self.one() as (session, _):
            found = session.status()
        assert found["agreed"], found
        assert found["lock"] is None
        return str(found["live"])


@pytest.fixture(scope="module")
def runners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runners]:
    with StrictS3("shop") as store, pytest.MonkeyPatch.context() as patch:
        store.sign_in(patch)
        yield Runners(tmp_path_factory.mktemp("runners"), store)


def test_each_task_of_an_environment_may_run_on_another_empty_runner(runners: Runners) -> None:
    """Deploy, prepare, activate, rollback and prune; and every task that only looks (DESIGN §10)."""
    with runners.one() as (session, _):
        session.deploy()
    first = runners.live()
    runners.change("green")
    with runners.one() as (session, _):
        second = session.prepare().id
    assert runners.live() == first
    with runners.one() as (session, _):
        session.activate()
    assert "green" in runners.logo()

    with runners.one() as (session, told):
        assert session.status()["live"] == second
        assert [one["state"] for one in session.releases()] == ["live", "previous"]
        assert session.diff()["changed"] == ["CACHE/manifest.json", "logo.svg", "site.css"]
        assert session.why("/static/logo.svg")["in_release"]
        plan = session.plan()
        assert plan["live"] == second
        assert not plan["exact"]  # nothing was built here
        session.export(out=session.folder / "shop.release", manifests=session.folder / "image")
        with tarfile.open(session.folder / "shop.release") as archive:
            assert "release.json" in archive.getnames()
        assert not Path(session.environment.deploy_to).exists(), "who looks writes nothing"
        assert session.unlock() is None
        assert told.warned == []

    with runners.one() as (session, told):
        session.rollback(check=True)
        assert told.said[-1] == f"a rollback to {first} would work"
    assert runners.live() == second
    with runners.one() as (session, _):
        session.rollback()
    assert runners.live() == first
    runners.change("blue")
    with runners.one() as (session, _):
        session.deploy()
    before = {*runners.store.objects}
    with runners.one() as (session, _):
        session.phase("prune")
    gone = before - {*runners.store.objects}
    assert not [key for key in gone if key.endswith(".json")]
    with runners.one() as (session, _):
        session.rollback()
    assert runners.live() == first


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("no conditions", "the store does not know conditional writes"),
        ("read only", "S3 denies PUT (s3:PutObject)"),
    ],
)
def test_a_bucket_that_cannot_keep_a_lock_gets_nothing_and_may_be_looked_at(
    tmp_path: Path, way: str, words: str
) -> None:
    """A store without conditional writes, and credentials that may read and not write."""
    with StrictS3("shop") as store, pytest.MonkeyPatch.context() as patch:
        store.sign_in(patch)
        runners = Runners(tmp_path, store)
        with runners.one() as (session, _):
            session.deploy()
        live, logo = runners.live(), runners.logo()
        runners.change("green")
        served = {key: one.body for key, one in store.objects.items() if "/lock" not in key}
        if way == "read only":
            store.faults.append(Fault("PUT", "", 403, "AccessDenied", times=10**6))
        else:
            store.knows_conditions = False
        for word in ("deploy", "prepare", "rollback"):
            with runners.one() as (session, _), pytest.raises(CdnError) as caught:
                getattr(session, word)()
            assert words in caught.value.what
        assert (runners.live(), runners.logo()) == (live, logo)
        assert served == {key: one.body for key, one in store.objects.items() if "/lock" not in key}


def test_a_record_that_cannot_be_read_is_no_disagreement(tmp_path: Path) -> None:
    """What is live on the runner, it alone says. No command would bring together what does not disagree."""
    with StrictS3("shop") as store, pytest.MonkeyPatch.context() as patch:
        store.sign_in(patch)
        runners = Runners(tmp_path, store)
        with runners.one() as (session, _):
            session.deploy()
        live = runners.live()
        store.objects[f"{STATIC}/.fab_static/record.json"] = Stored(b"{", {})
        with runners.one() as (session, _):
            found = session.status()
            assert agreement(found) == "silent"
            (runner,) = found["hosts"]
            assert runner["error"].startswith("the record in the bucket cannot be read")
            assert found["origins"][0]["live"] == live
            bad = [one["subject"] for one in session.check() if not one["ok"]]
            assert bad == ["S3 record"], "status names check as the cure"
            with pytest.raises(ManifestError):
                session.deploy()
            ending = session.ending()
            assert ending
            assert dict(ending.words())["live"] == f"not known on here; {live} on s3://shop/static/"


@pytest.fixture(scope="module")
def real() -> Iterator[chaos.Runners]:
    with chaos.running() as runners:
        yield runners


def told(course: chaos.Course) -> str:
    return "\n".join([str(course), *course.violations, course.output])


def test_a_real_runner_is_killed(real: chaos.Runners) -> None:
    """The other seeds are of `python -m chaos --runners`."""
    course = real.course(1)
    assert not course.violations, told(course)


@pytest.mark.parametrize("number", [1, 2])
def test_of_two_real_runners_one_wins_and_nothing_is_half_live(
    real: chaos.Runners, number: int
) -> None:
    """A race of each kind; `python -m chaos --runners --races 50` runs more."""
    course = races.race(real, number)
    assert not course.violations, told(course)
    assert sorted(course.codes) == [0, 3]


def test_a_race_sees_what_is_half_live(real: chaos.Runners) -> None:
    key = f"{STATIC}/logo.svg"
    there = real.store.objects.pop(key)
    try:
        (problem,) = races.half_live(real.store.all())
        assert problem.startswith("logo.svg is missing while ")
        real.store.objects[key] = Stored(b"other", {})
        (problem,) = races.half_live(real.store.all())
        assert problem.startswith("logo.svg is another while ")
    finally:
        real.store.objects[key] = there
    assert not list(races.half_live(real.store.all()))
