"""Whom the doctor asks what, and that one who cannot answer keeps nobody else from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, NoReturn

import pytest

from fab_static.doctor import check
from fab_static.doctor.findings import Finding, bad, good
from fab_static.errors import FabStaticError, RemoteError


class Host(NamedTuple):
    """A host, as far as the doctor's order knows one."""

    name: str
    roles: tuple[str, ...]


HOSTS = [
    Host("build1", ("build",)),
    Host("edge1", ("static",)),
    Host("web1", ("web",)),
    Host("web2", ("web", "static")),
]
Work = Callable[[Any], Any]


def attempt(hosts: Iterable[Any], work: Work) -> tuple[dict[str, Any], dict[str, FabStaticError]]:
    """Do what Fleet.attempt does, one host after the other."""
    answers, failures = {}, {}
    for host in hosts:
        try:
            answers[host] = work(host)
        except FabStaticError as error:
            failures[host] = error
    return answers, failures


class Doctor:
    """The doctor, with parts that say only that they were asked; `broken` are (part, host) that fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken: set[tuple[str, str]] = set()
        self.shared: list[Any] = []
        for name in ("of_build", "of_templates", "of_web", "of_manifests"):
            monkeypatch.setattr(check, name, self._part(name))
        monkeypatch.setattr(check, "of_revisions", lambda *_: ())
        monkeypatch.setattr(check, "of_signers", lambda *_: [])
        monkeypatch.setattr(check, "of_own_key", lambda _: [])
        monkeypatch.setattr(check, "of_lines", lambda _: [])
        monkeypatch.setattr(check, "of_way", lambda host: self._asked("ssh_config", host))
        monkeypatch.setattr(check, "of_host", lambda host: (self._asked("SSH", host), {}))
        monkeypatch.setattr(check.origin_doctor, "check", self._part("nginx"))
        monkeypatch.setattr(check.cdn_doctor, "check", lambda _: [good("cdn", "CDN", "")])
        monkeypatch.setattr(check.sharing, "shared", lambda *_: self.shared)

    def _part(self, name: str) -> Any:
        return lambda _, host: self._asked(name, host)

    def _asked(self, name: str, host: Any) -> list[Finding]:
        if (name, host.name) in self.broken:
            raise RemoteError(f"{name} is broken", where=host.name, mend="mend it")
        return [good(host.name, name, "")]

    def found(self, among: Sequence[Host] = HOSTS) -> list[Finding]:
        deploy: Any = SimpleNamespace(
            build=among[0],
            environment=SimpleNamespace(name="staging"),
            fleet=SimpleNamespace(attempt=attempt),
            facts=lambda host: self._asked("project", host),
            hosts=lambda *roles: [one for one in among if not roles or {*roles} & {*one.roles}],
        )
        return check.check(deploy)

    def asked(self) -> list[str]:
        """Return who was asked what, and BAD where it failed."""
        return [
            f"{one['where']} {one['subject']}" + ("" if one["ok"] else " BAD")
            for one in self.found()
        ]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Doctor:
    return Doctor(monkeypatch)


EVERYTHING = [
    *(f"{name} {part}" for name, _ in HOSTS for part in ("ssh_config", "SSH")),
    *("build1 of_build", "build1 of_templates"),
    *("web1 of_web", "web1 of_manifests", "web2 of_web", "web2 of_manifests"),
    *("edge1 nginx", "web2 nginx", "cdn CDN"),
]


def test_each_host_is_asked_what_its_roles_need(doctor: Doctor) -> None:
    assert doctor.asked() == EVERYTHING


def test_that_images_stand_for_web_hosts_is_told(doctor: Doctor) -> None:
    found = doctor.found(HOSTS[:2])
    assert [one["where"] for one in found if one["subject"] == "of_manifests"] == ["build1"]
    (told,) = [one for one in found if one["subject"] == "web"]
    assert told["ok"]
    assert told["what"] == (
        "no host has the role web: images carry the manifests. Where one is made, ask the gate: "
        "fab staging verify --here"
    )


@pytest.mark.parametrize(
    ("broken", "told", "unasked"),
    [
        (
            ("SSH", "web2"),
            "web2 SSH BAD",
            ["web2 SSH", "web2 of_web", "web2 of_manifests", "web2 nginx"],
        ),
        (("project", "web1"), "web1 project BAD", ["web1 of_web", "web1 of_manifests"]),
        (("nginx", "edge1"), "edge1 nginx BAD", ["edge1 nginx"]),
        (("of_build", "build1"), "build1 project BAD", ["build1 of_build"]),
        (("of_web", "web1"), "web1 web BAD", ["web1 of_web"]),
        (
            ("project", "build1"),  # pages are compared with what it says
            "build1 project BAD",
            [one for one in EVERYTHING if " of_" in one],
        ),
    ],
)
def test_one_who_cannot_answer_is_named_and_the_others_are_asked(
    doctor: Doctor, broken: tuple[str, str], told: str, unasked: list[str]
) -> None:
    doctor.broken = {broken}
    assert sorted(doctor.asked()) == sorted([*({*EVERYTHING} - {*unasked}), told])
    (one,) = [one for one in doctor.found() if not one["ok"]]
    assert (one["what"], one["mend"]) == (f"{broken[0]} is broken", "mend it")


def test_a_host_that_refuses_whatever_is_asked_is_asked_no_more(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder is another app's, say: `check` said that all is well, or that alone."""
    refused = [bad("web2", "deploy_to", "the folder belongs to blog", "give each its own")]
    told = check.of_host
    monkeypatch.setattr(
        check, "of_host", lambda host: (refused, None) if host.name == "web2" else told(host)
    )
    unasked = {"web2 SSH", "web2 of_web", "web2 of_manifests", "web2 nginx"}
    assert sorted(doctor.asked()) == sorted([*({*EVERYTHING} - unasked), "web2 deploy_to BAD"])


def test_hosts_that_share_a_folder_are_named_together(doctor: Doctor) -> None:
    doctor.shared = [HOSTS[1:4]]
    assert [one for one in doctor.found() if not one["ok"]] == [
        bad("edge1", "deploy_to", "edge1, web1 and web2 share a folder", check.sharing.MEND)
    ]


def test_a_host_that_refuses_has_no_fault_of_ssh_and_names_the_place(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` said "SSH: permission denied", of which folder nobody knew."""

    def refuse(host: Host) -> NoReturn:
        error = RemoteError("permission denied", where=f"{host.name}: /srv/shop", mend="open it")
        error.is_refusal = True
        raise error

    monkeypatch.setattr(check, "of_host", refuse)
    found = [one for one in doctor.found() if one["where"] == "web1" and not one["ok"]]
    assert found == [bad("web1", "deploy_to", "permission denied: /srv/shop", "open it")]
