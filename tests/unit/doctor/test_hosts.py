"""What the doctor finds of one host, from the facts that its agent tells."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.doctor.findings import Finding, bad
from fab_static.doctor.hosts import of_host
from fab_static.errors import RemoteError
from fab_static.plan.wire import verbs
from fab_static.plan.wire.answers import Facts

FOLDER = "/srv/shop/static"
WELL = Facts(
    free_bytes=10_000_000_000,
    free_inodes=1_000_000,
    writable=True,
    exists=True,
    inodes=[1, 2],
    unwritable=[],
    elsewhere=[],
    exposed=[],
    linked=[],
    is_a_groups=False,
    open_path=[],
    now=0.0,
)


def found(ahead: float = 0.0, **facts: Any) -> list[Finding]:
    """Return the findings of a host that tells these facts (None: says nothing of it), its clock so much ahead."""
    told = {**WELL, "now": time.time() + ahead, **facts}
    answer = {key: value for key, value in told.items() if value is not None}
    host: Any = SimpleNamespace(
        name="edge1",
        hello={"user": "deploy", "python": "3.11.2"},
        layout=SimpleNamespace(deploy_to=FOLDER),
        environment=SimpleNamespace(name="staging"),
        ask=lambda verb: (answer if verb == verbs.FACTS else {}, b""),
    )
    findings, returned = of_host(host)
    assert returned == answer
    return findings


def test_a_folder_of_another_app_is_a_finding_and_the_host_tells_no_more() -> None:
    """A deploy refuses it at once; `check` said that all is well (first hour 11)."""

    def ask(verb: object) -> tuple[object, bytes]:
        if verb == verbs.FACTS:
            return {**WELL, "now": time.time()}, b""
        error = RemoteError("it belongs to blog", where=FOLDER, mend="give each its own")
        error.is_refusal = True
        raise error

    host: Any = SimpleNamespace(
        name="edge1",
        hello={"user": "deploy", "python": "3.11.2"},
        layout=SimpleNamespace(deploy_to=FOLDER),
        ask=ask,
    )
    findings, facts = of_host(host)
    assert facts is None
    assert findings[-1] == bad("edge1", "deploy_to", "it belongs to blog", "give each its own")


def test_of_a_host_that_is_well_each_thing_is_told_once() -> None:
    assert [(one["subject"], one["ok"], one["what"], one["mend"]) for one in found()] == [
        ("SSH", True, "deploy, Python 3.11.2", None),
        ("deploy_to", True, f"{FOLDER} can be written", None),
        ("disk", True, "10.0 GB free", None),
        ("clock", True, "agrees with this machine's", None),
    ]


def test_what_a_host_may_leave_out_is_not_missed() -> None:
    """A host that said nothing of PATH ended `check` with a KeyError; the others were not told of."""
    assert found(open_path=None, linked=None) == found()


OWN = f"sudo chown -R deploy {FOLDER}"
FAULTS: list[tuple[dict[str, Any], str, str, str]] = [
    (
        {"writable": False},
        "deploy_to",
        f"deploy may not write below {FOLDER}",
        f"sudo install -d -o deploy {FOLDER}",
    ),
    (
        {"unwritable": ["a", "b", "c", "d"]},
        "deploy_to",
        "deploy may not write in 4 folders there, such as a, b, c",
        OWN,
    ),
    (
        {"elsewhere": ["objects", "pool"]},
        "deploy_to",
        "objects and pool lie on another file system",
        "keep objects/, releases/ and pool/ on one file system",
    ),
    (
        {"linked": ["pool is a link"]},
        "deploy_to",
        "pool is a link: nothing is written or removed through it",
        "remove the link",
    ),
    (
        {"open_path": ["/tmp/bin"]},
        "PATH",
        "PATH has /tmp/bin, where other accounts may put programs that we start (git, node, brotli)",
        "take it out of PATH for deploy, or: sudo chown root /tmp/bin; sudo chmod go-w /tmp/bin",
    ),
    (
        {"free_bytes": 499_999_999},
        "disk",
        "499,999,999 bytes and 1,000,000 inodes are free",
        "free some space there; fab staging prune removes old releases",
    ),
    (
        {"free_inodes": 19_999},
        "disk",
        "10,000,000,000 bytes and 19,999 inodes are free",
        "free some space there; fab staging prune removes old releases",
    ),
]


@pytest.mark.parametrize(("facts", "subject", "what", "mend"), FAULTS)
def test_each_fault_is_told_with_its_cure_and_nothing_else_is(
    facts: dict[str, Any], subject: str, what: str, mend: str
) -> None:
    (one,) = [one for one in found(**facts) if not one["ok"]]
    assert (one["where"], one["subject"], one["what"]) == ("edge1", subject, what)
    assert one["mend"].startswith(mend)


@pytest.mark.parametrize(
    ("ahead", "is_well"), [(3.0, True), (-3.0, True), (60, False), (-60, False)]
)
def test_a_clock_may_be_a_few_seconds_off_in_either_direction(ahead: float, is_well: bool) -> None:
    (clock,) = [one for one in found(ahead) if one["subject"] == "clock"]
    assert clock["ok"] is is_well
    assert is_well or clock["what"] == "its clock is 60 seconds off this machine's"


@pytest.mark.parametrize("is_a_groups", [True, False])
def test_what_others_may_write_is_a_fault_unless_a_group_deploys_together(
    is_a_groups: bool,
) -> None:
    exposed = [f"every account may write {FOLDER}/{name}" for name in "abcde"]
    told = found(exposed=exposed, is_a_groups=is_a_groups)
    (one,) = [one for one in told if "decides what visitors get" in one["what"]]
    assert one["ok"] is is_a_groups
    assert one["what"] == (
        "; ".join(exposed[:3]) + "; … and 2 more: whoever may write there decides what visitors get"
    )
    assert one["mend"].startswith(f"{OWN}; sudo chmod -R go-w {FOLDER}. ")
