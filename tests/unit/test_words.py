"""Bad days, word for word: what happened, what is live where, what was undone, the one command to run next.

The fleet is that of tests/unit/site.py: the real agent works in this process, and a host breaks where its script says
so. Everything that speaks is real. Faults that need real servers stand in
tests/integration/test_bad_days.py and in chaos/.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from invoke.context import Context

from chaos.aws import CloudFront
from fab_static.errors import DeployLockedError
from fab_static.host.agent.lock import abandon_lock
from fab_static.plan.wire import asks, verbs
from fab_static.remote import Ran, RemoteHost
from fab_static.tasks import chosen
from fab_static.tasks.living import rollback
from tests.unit.site import NEW, OLD, Said, ScriptedHost, Site, flip_provisionally, taken


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFront]:
    """A CloudFront that is asked once, and waited for a fifth of a second."""
    for name, value in (
        ("AWS_MAX_ATTEMPTS", "1"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("NO_PROXY", "127.0.0.1"),
    ):
        monkeypatch.setenv(name, value)
    cloudfront = CloudFront()
    yield cloudfront
    cloudfront.turn("answers")
    cloudfront.close()


NOTHING_FLIPPED = f"""\
  live: {NEW} on every host, as before
  next: fab staging rollback --to {OLD}
"""
ALL_UNDONE = f"""\
  live: {NEW} on every host, as before
  undone: the flip of build1, edge1, edge2, web1, web2
  next: fab staging rollback --to {OLD}
"""


# ---- exit 1: what was live before is live on every host


def test_a_reload_that_fails(site: Site, said: Said) -> None:
    failing = iter([Ran(7, "no such unit\n")])
    site.hosts["web2"].before["run"] = lambda: next(failing, Ran(0, ""))
    assert said() == (
        1,
        """\
error: the reload failed with exit code 7: no such unit
  where: web2: reload-shop
  mend:  run it by hand there, and see why it fails
"""
        + ALL_UNDONE.replace("build1, ", ""),
    )
    assert set(site.live().values()) == {NEW}


def test_a_check_that_never_answers(site: Site, said: Said) -> None:
    answers = iter(["200", "timed out"])
    site.hosts["web1"].before["http"] = lambda: ({"answer": next(answers, "200")}, b"")
    assert said() == (
        1,
        """\
error: after the reload http://127.0.0.1:8000/health answered timed out, not 200
  where: web1
  mend:  see whether the web processes run there, and listen where web.check asks
"""
        + ALL_UNDONE.replace("build1, ", "").replace(", web2", ""),
    )


def test_a_connection_cut_in_the_middle_of_the_flip(site: Site, said: Said) -> None:
    site.hosts["edge2"].after["flip"] = site.hosts["edge2"].cut
    assert said() == (
        1,
        """\
error: the connection was cut (the connection ended)
  where: edge2
  mend:  see whether the host is alive: ssh -p 9 deploy@127.0.0.1; then run it again
"""
        + ALL_UNDONE.replace("build1, ", "").replace(", web1, web2", ""),
    )
    assert set(site.live().values()) == {NEW}


def test_a_disk_that_is_full(site: Site, said: Said) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", f"{site.folder}/edge1/provisional.json")
    site.hosts["edge1"].before["flip"] = lambda: site.hosts["edge1"].refuse(full)
    assert said() == (
        1,
        """\
error: the disk is full
  where: edge1: FOLDER/edge1/provisional.json
  mend:  free some space there; what is live has not changed
"""
        + ALL_UNDONE.replace("build1, ", "").replace(", web1, web2", ""),
    )


def test_corrupt_bytes_on_a_hosts_disk(site: Site, said: Said) -> None:
    logo = site.folder / "edge2" / "releases" / OLD / "static" / "logo.svg"
    logo.chmod(0o644)
    logo.write_bytes(b"bad")
    assert said() == (
        1,
        f"""\
error: release {OLD} is not whole: 0 files are missing, 1 were changed, such as releases/{OLD}/static/logo.svg
  where: edge2
  mend:  ship what it lacks: fab staging rollback --to {OLD} --repair
"""
        + NOTHING_FLIPPED.rstrip("\n")
        + " --repair\n",
    )


def test_a_host_that_is_down(site: Site, said: Said) -> None:
    real = RemoteHost(site.hosts["edge2"].host, site.hosts["edge2"].environment)
    site.hosts["edge2"].before["ping"] = lambda: real.ask(verbs.PING)
    assert said() == (
        1,
        """\
error: the host cannot be reached: connection refused
  where: edge2 (127.0.0.1:9)
  mend:  see whether it runs and its SSH server listens: ssh -p 9 deploy@127.0.0.1
  live: what was live before, on build1, edge1, web1, web2: nothing was changed; edge2 cannot be reached
  next: fab staging rollback, or without edge2: fab staging rollback --without edge2
""",
    )


def test_hosts_that_say_nothing(site: Site, said: Said) -> None:
    def silent(host: ScriptedHost) -> Any:
        host._agent._channel = SimpleNamespace(  # type: ignore[assignment]
            receive=lambda *_: (_ for _ in ()).throw(TimeoutError), close=lambda: None
        )
        return host._requests.frame(0.01)

    for name in ("edge1", "web1"):
        site.hosts[name].before["verify"] = lambda host=site.hosts[name]: silent(host)
    assert said() == (
        1,
        """\
error: 2 hosts failed:
  edge1: the host said nothing for 0.01 seconds
  web1: the host said nothing for 0.01 seconds
  where: edge1, web1
  mend:  see whether the host is alive: ssh -p 9 deploy@127.0.0.1; then run it again
"""
        + NOTHING_FLIPPED,
    )


def test_a_host_that_went_back_because_it_had_not_heard_of_us(site: Site, said: Said) -> None:
    site.hosts["web1"].before["confirm"] = lambda: ({"confirmed": False}, b"")
    assert said() == (
        1,
        """\
error: the host went back to what was live before: it had not heard of this deploy for 30 seconds
  where: web1
  mend:  raise web.confirm_timeout if the network is that slow
"""
        + ALL_UNDONE,
    )
    assert set(site.live().values()) == {NEW}


def test_an_interruption_in_the_middle_of_the_flip(site: Site, said: Said) -> None:
    def interrupted() -> Any:
        site.hosts["web1"].before.clear()
        raise KeyboardInterrupt

    site.hosts["web1"].before["run"] = interrupted
    assert said() == (
        1,
        "interrupted; what was live before is live\n"
        + ALL_UNDONE.replace("build1, ", "").replace(", web2", ""),
    )


# ---- exit 2: bad input


def test_a_release_that_is_none(said: Said) -> None:
    assert said(to="../../etc") == (
        2,
        """\
error: "../../etc" is not a release; ids look like 20261122T170102Z-3f9c1a7b
  where: the release named
  mend:  choose one of: fab staging releases
""",
    )


# ---- exit 3: the lock is held


def test_two_operators_at_once(site: Site, said: Said) -> None:
    taken(site)
    code, text = said()
    assert code == 3
    assert re.sub(r"since \S+ \S+ UTC", "since WHEN UTC", text) == (
        """\
error: ben@laptop (process 4711) deploys shop to staging since WHEN UTC, now at compress, last heard of 0 seconds ago
  where: FOLDER/build1/lock on build1
  mend:  wait for it: --wait 10m. A dead owner's lock expires within a minute. To take it: fab staging unlock --steal --because "…"
  live: what was live before, on every host: nothing was changed
  next: fab staging rollback --wait 600
"""
    )


def test_the_next_command_is_the_whole_one_that_was_asked_for(site: Site, said: Said) -> None:
    """It was taken down once hosts had answered: before, another release would have been rolled back to."""
    taken(site)
    assert said(to=OLD)[1].endswith(f"next: fab staging rollback --to {OLD} --wait 600\n")
    with pytest.raises(DeployLockedError):
        site.session.join("edge2")
    ending = site.session.ending()
    assert ending
    assert ending.next == "fab staging join edge2 --wait 600"


def test_a_lock_that_cannot_be_renewed_is_not_lost(site: Site, said: Said) -> None:
    """The inodes of the lock's host ran out: "see who deploys", exit 3, while nobody did (fleet C11)."""
    build1 = site.hosts["build1"]
    full = OSError(errno.ENOSPC, "No space left on device", f"{site.folder}/build1/lock/owner.json")
    build1.before["beat"] = lambda: build1.refuse(full)
    site.hosts["web2"].after["verify"] = lambda: chosen.CHOSEN["session"]._last.lock._renew()
    assert said() == (
        1,
        """\
error: the disk is full
  where: build1: FOLDER/build1/lock/owner.json
  mend:  free some space there; what is live has not changed
"""
        + NOTHING_FLIPPED,
    )
    assert build1.ask(verbs.LOOK_AT_LOCK)[0]["holder"] is None


@pytest.mark.parametrize(
    "bug", [KeyError("current"), RecursionError("too deep"), KeyboardInterrupt()]
)
def test_whatever_comes_on_the_way_back_every_other_host_is_put_back(
    site: Site, said: Said, bug: BaseException
) -> None:
    """An answer that was 5 ended the way back: edge1 stayed on the new release for ever (fleet D1)."""

    def fails() -> Any:
        raise bug

    site.hosts["web1"].before["flip_back"] = fails
    site.hosts["web2"].before["flip"] = lambda: site.hosts["web2"].cut()
    code, told = said()
    assert code == 5
    assert "web1 could not be put back: hosts may serve different releases now." in told
    assert told.endswith(f"next: fab staging rollback --to {NEW}\n")
    assert site.live() == {name: OLD if name == "web1" else NEW for name in site.hosts}


def test_a_bug_while_hosts_are_told_that_they_go_back_keeps_none_from_it(
    site: Site, said: Said
) -> None:
    web1 = site.hosts["web1"]
    web1.before["confirm"] = lambda: (web1.before.clear(), web1.cut())
    site.hosts["edge1"].before["doubt"] = lambda: {}["bug"]
    assert said()[0] == 1
    assert set(site.live().values()) == {NEW}


def test_a_lock_that_is_stolen_in_the_middle_of_the_flip(
    site: Site, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stolen() -> None:
        deploy = chosen.CHOSEN["session"]._last
        deploy.lock._lost = "ben@laptop took it"

    site.hosts["web1"].after["flip"] = stolen
    assert said() == (
        3,
        """\
error: this deploy does not hold the lock any more: ben@laptop took it
  where: FOLDER/build1/lock on build1
  mend:  see who deploys now: fab staging status
"""
        + ALL_UNDONE.replace("build1, ", "").replace(", web2", ""),
    )


def test_a_lock_that_is_stolen_before_the_flip_is_noticed_before_the_next_phase(
    site: Site, said: Said
) -> None:
    """A heartbeat comes every five seconds; a release goes live in one."""
    thief = site.hosts["build1"].sibling()
    site.hosts["web2"].after["verify"] = lambda: thief.ask(
        verbs.LOCK, asks.Lock(owner="ben@laptop", process=4711, phase="unlock", steal=True)
    )
    assert said() == (
        3,
        """\
error: this deploy does not hold the lock any more: ben@laptop took it
  where: FOLDER/build1/lock on build1
  mend:  see who deploys now: fab staging status
"""
        + NOTHING_FLIPPED,
    )
    assert set(site.live().values()) == {NEW}


# ---- exit 4: live, but


def live_but(phase: str) -> str:
    return f"""\
{OLD} is LIVE, but what stands above failed after it went live
  live: {OLD} on every host
  next: fab staging {phase}
"""


def cdn(aws: CloudFront) -> str:
    return f"cdn: {{distribution_id: E1, endpoint_url: '{aws.endpoint}', timeout: 0.2, wait: 1}}"


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (
            "denies",
            """\
error: CloudFront refused create_invalidation: An error occurred (AccessDenied) when calling the CreateInvalidation operation: no
  where: distribution E1
  mend:  allow cloudfront:CreateInvalidation on it; docs/aws-policy.md has the whole policy
""",
        ),
        (
            "never answers",
            """\
error: CloudFront gave no answer to create_invalidation: Read timeout on endpoint URL: "http://ENDPOINT/2020-05-31/distribution/E1/invalidation"
  where: distribution E1, at http://ENDPOINT
  mend:  see that the endpoint can be reached from here (proxy, firewall), then run it again
""",
        ),
    ],
)
def test_aws_that_says_no_or_never_answers(
    site: Site, aws: CloudFront, said: Said, mode: str, words: str
) -> None:
    site.open(cdn(aws))
    aws.turn(mode)
    code, text = said()
    assert code == 4
    text = re.sub(r"20\d\d-\d\d-\d\d", "2020-05-31", text)  # the API's own version
    text = text.replace(" (reached max retries: 0)", "")
    assert text == words + live_but(f"rollback --to {OLD}")
    assert set(site.live().values()) == {OLD}


def test_an_origin_that_does_not_answer_the_probe(site: Site, said: Said) -> None:
    site.open("probe: {origin: 'http://127.0.0.1:9', timeout: 1}")
    code, text = said()
    assert code == 4
    assert text.startswith(
        "error: 1 of 10 answers are not as the release recorded them:\n"
        "    http://127.0.0.1:9 answered nothing: [Errno 111] Connection refused\n"
    )
    assert text.endswith(
        f"""\
  where: release {OLD}, over HTTP
  mend:  ask for one of them by hand (curl -sI URL), and mend what answers; then: fab staging probe; or go back: fab staging rollback
"""
        + live_but(f"rollback --to {OLD}")
    )


def test_an_interruption_after_the_release_went_live(site: Site, said: Said) -> None:
    def interrupted() -> Any:
        raise KeyboardInterrupt

    flipped = []
    site.hosts["edge1"].after["confirm"] = lambda: flipped.append(True)
    plain = site.hosts["edge1"].ask

    def ask(verb: Any, *args: Any, **params: Any) -> Any:
        if verb is verbs.STATE and flipped:
            interrupted()
        return plain(verb, *args, **params)

    site.hosts["edge1"].ask = ask  # type: ignore[method-assign]
    code, text = said()
    assert (code, text) == (
        4,
        f"""\
interrupted after the release went live
  live: {OLD} on every host
  next: fab staging rollback --to {OLD}
""",
    )


# ---- exit 5: hosts disagree


def test_a_host_that_dies_in_the_middle_of_the_flip(site: Site, said: Said) -> None:
    web2 = site.hosts["web2"]

    def die() -> Any:
        for verb in ("flip", "flip_back", "unlock"):
            web2.before[verb] = web2.cut
        return web2.cut()

    web2.after["flip"] = die
    assert said() == (
        5,
        """\
error: web2 could not be put back: hosts may serve different releases now. It began with: the connection was cut (the connection ended) (web2)
  where: web2: the connection was cut (the connection ended)
  mend:  let web2 be reached again: a host that runs goes back on its own within 30 seconds; then run what stands below
"""
        + f"""\
  live: {NEW} on build1, edge1, edge2, web1; not known on web2
  undone: the flip of edge1, edge2, web1
  next: fab staging rollback --to {NEW}
""",
    )
    assert site.live() == {**dict.fromkeys(site.hosts, NEW), "web2": OLD}
    # and that one command mends it
    site.open()
    assert said(to=NEW) == (0, "")
    assert set(site.live().values()) == {NEW}
    # however often, and whether or not the host went back by itself meanwhile
    assert said(to=NEW) == (0, "")
    assert set(site.live().values()) == {NEW}


def test_a_rollback_of_a_fleet_caught_in_a_flip_goes_back_to_what_was_live_and_no_further(
    site: Site, said: Said
) -> None:
    flip_provisionally(site.hosts["edge1"])
    assert said() == (0, "")
    assert set(site.live().values()) == {NEW}


# ---- the command after a death


def test_what_the_next_command_says_after_a_kill(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """The operator died between the flips of two hosts, with the lock in his hand."""
    other = taken(site, "activate")
    abandon_lock(other.agent.host)
    flip_provisionally(site.hosts["edge1"])
    rollback(Context())
    words = re.sub(r"\d\d:\d\d:\d\d ", "", capsys.readouterr().out)
    assert words.startswith(
        f"""\
! the lock of ben@laptop at activate was left behind by a deploy that died; going on
! an unfinished flip was put back; {NEW} is live everywhere again
  rolling back to {NEW}
"""
    )
    assert set(site.live().values()) == {NEW}


def test_a_death_on_the_way_back_from_a_confirmation_whose_answer_was_lost(
    site: Site, said: Said
) -> None:
    """Hosts that were told to stay, the one whose answer was lost too, know that they are to go back."""
    edge2, web1 = site.hosts["edge2"], site.hosts["web1"]

    class Killed(BaseException):
        pass

    def die() -> Any:
        raise Killed

    def lose_the_answer() -> Any:
        edge2.after.clear()
        return edge2.cut()

    edge2.after["confirm"] = lose_the_answer
    web1.before["flip_back"] = die
    with pytest.raises(Killed):
        said()
    assert site.live() == {"build1": NEW, "web2": NEW, "edge1": OLD, "edge2": OLD, "web1": OLD}
    for name in ("edge1", "edge2", "web1"):
        assert site.hosts[name].ask(verbs.STATE)[0]["provisional"]["current"] == NEW
        # a word that was on its way
        assert site.hosts[name].ask(verbs.CONFIRM, asks.Confirm(release=OLD))[0] == {
            "confirmed": False
        }
    site.open()
    assert said() == (0, "")
    assert set(site.live().values()) == {NEW}
