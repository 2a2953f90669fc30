"""What the doctor finds of the Django project: where it builds, and where it renders pages."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.doctor import project
from fab_static.doctor.findings import Finding, bad
from fab_static.errors import BuildError
from fab_static.phases.run.journal import Journal
from fab_static.plan.build_order import OwnPhase
from fab_static.plan.inventory import Build, Host
from fab_static.remote import Ran

FACTS: dict[str, Any] = {
    "django": "5.2",
    "python": "3.11.2",
    "commands": ["collectstatic", "compress", "resource_static", "build_requirejs"],
    "static_root": "/srv/shop/code/static",
    "static_url": "/static/",
    "static_cdn": "",
    "cdn_independent": False,
    "ignored_storage": None,
    "storage": {"class": "StaticFilesStorage"},
    "compressor": "4.6",
    "compress": {"enabled": True, "offline": True, "css_hashing_method": "content"},
    "libraries": {"django": "5.2", "babel": "2.17"},
}
PHASES = ("collectstatic", "resource_static", "build_requirejs", "compress")


class Machine:
    """A host whose project says what the test wants."""

    def __init__(self, name: str, **facts: Any) -> None:
        self.name = name
        self.host = Host(name, "10.0.0.31", ("build", "web"))
        self.facts = {**FACTS, **facts}
        self.node = Ran(0, "v22.1.0\n")
        self.brotli = Ran(0, "brotli 1.1.0\n")
        self.zstd = Ran(127, "")
        self.strace = Ran(7, "")
        self.closed = Ran(0, "")
        self.hello = {"user": "deploy"}
        self.answer = "200"
        self.asked: list[Any] = []

    def run(self, command: list[str], **_: object) -> Ran:
        known = {"brotli": self.brotli, "zstd": self.zstd, "strace": self.strace, "sh": self.closed}
        return known.get(command[0], self.node)

    def ask(self, verb: Any, request: Any = None) -> Any:
        self.asked.append(request)
        told = {"journal": None, "journal_is_ours": True}
        return (told if verb.name == "state" else {"answer": self.answer}), b""


def deployment(build: Machine, check: str | None = None, **settings: Any) -> Any:
    known = {"phases": PHASES, "precompress": (), "deltas": 0, **settings}
    return SimpleNamespace(
        build=build,
        facts=lambda host: host.facts,
        project=lambda _: SimpleNamespace(variables={}),
        environment=SimpleNamespace(
            name="staging",
            build=Build(**known),
            web=SimpleNamespace(check=check),
        ),
    )


@pytest.fixture(autouse=True)
def faults(monkeypatch: pytest.MonkeyPatch) -> list[BuildError]:
    """What is wrong with the static root."""
    found: list[BuildError] = []
    monkeypatch.setattr(project.static_root, "faults", lambda _: iter(found))
    return found


def of_build(machine: Machine, **settings: Any) -> list[Finding]:
    return list(project.of_build(deployment(machine, **settings), machine))  # type: ignore[arg-type]


def of_web(here: Machine, there: Machine | None = None, **settings: Any) -> list[Finding]:
    deploy = deployment(there or Machine("build1"), **settings)
    return list(project.of_web(deploy, here))  # type: ignore[arg-type]


def wrong(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one["subject"], one["what"]) for one in found if not one["ok"]]


# ---- where it builds


def test_of_a_project_that_is_well_each_thing_is_told_once() -> None:
    found = of_build(Machine("build1"), precompress=("gzip", "br"))
    assert [(one["subject"], one["ok"], one["what"]) for one in found] == [
        ("project", True, "Django 5.2, Python 3.11.2"),
        ("STATIC_ROOT", True, "/srv/shop/code/static holds nothing else"),
        ("Node.js", True, "v22.1.0"),
        ("strace", True, "what phases read by other programs is seen"),
        ("brotli", True, "brotli 1.1.0"),
        ("django-compressor", True, "4.6"),
    ]


def test_blocks_that_no_phase_compresses_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise BuildError("a compress block would fail", where="build1", mend="add compress")

    monkeypatch.setattr(project, "refuse_unbuilt", refuse)
    found = of_build(Machine("build1"), phases=("collectstatic",))
    assert wrong(found) == [("compress blocks", "a compress block would fail")]
    # a phase of the project's own may leave the manifest: that is known when it is built
    own = {"css": OwnPhase("css", "make css", ("static/CACHE",))}
    found = of_build(Machine("build1"), phases=("collectstatic", "css"), own=own)
    assert wrong(found) == []
    told = (
        "pages ask for them, and build.phases has no compress: css must write the offline manifest"
    )
    assert told in [one["what"] for one in found]
    own = {"css": OwnPhase("css", "./manage.py compress", ("static/CACHE",))}
    found = of_build(Machine("build1"), phases=("collectstatic", "css"), own=own)
    assert "compress blocks" not in [one["subject"] for one in found]


@pytest.mark.parametrize(
    ("settings", "what", "cure"),
    [
        ({"precompress": ("zstd",)}, "build.precompress has zstd", "zstd out of build.precompress"),
        ({"deltas": 3}, "build.deltas is 3", "deltas out of build"),
    ],
)
def test_a_program_that_the_seal_runs_and_that_is_not_there_is_told_with_the_cure(
    settings: dict[str, Any], what: str, cure: str
) -> None:
    (told,) = [one for one in of_build(Machine("build1"), **settings) if one["subject"] == "zstd"]
    assert (told["ok"], told["what"]) == (False, f"there is no program zstd, and {what}")
    assert told["mend"] == f"install it there (Debian: apt-get install zstd), or take {cure}"


def test_strace_is_advised_with_what_it_would_save(monkeypatch: pytest.MonkeyPatch) -> None:
    unseen = "it started lessc, and strace is not installed"
    entries: Any = {
        "compress": {"seconds": 12.04, "ran": 1, "unseen": unseen},
        "collectstatic": {"seconds": 3.0, "ran": 2, "unseen": "it asked the network"},
    }
    journal = SimpleNamespace(phases=entries)
    monkeypatch.setattr(project.Journal, "read", lambda *_, **__: (journal, None))
    machine = Machine("build1")
    machine.strace = Ran(127, "strace: No such file or directory")
    told = next(one for one in of_build(machine) if one["subject"] == "strace")
    assert (told["ok"], told["what"]) == (
        True,
        "strace is not installed, so what other programs read is not seen, and compress cannot be used again: "
        "12.0 s the last time",
    )
    assert "apt-get install strace" in str(told["mend"])


def test_of_strace_nothing_is_said_where_no_phase_starts_a_program() -> None:
    machine = Machine("build1")
    machine.strace = Ran(1, "strace: ptrace(PTRACE_SEIZE): Operation not permitted")
    assert "strace" not in [one["subject"] for one in of_build(machine)]
    (told,) = (
        one
        for one in of_build(machine, commands={"resource_static": "make versions"})
        if one["subject"] == "strace"
    )
    assert told["what"] == (
        "strace may not trace: strace: ptrace(PTRACE_SEIZE): Operation not permitted, so what other programs "
        "read is not seen, and resource_static cannot be used again"
    )


def test_a_phase_whose_command_the_project_lacks_is_found_and_one_of_a_shell_is_not() -> None:
    commands = {"compress": "manage.py compress_all --force", "resource_static": "make versions"}
    assert wrong(of_build(Machine("build1", commands=["collectstatic"]), commands=commands)) == [
        ("phase build_requirejs", "the project has no management command build_requirejs"),
        ("phase compress", "the project has no management command compress_all"),
    ]


def test_a_phase_of_the_project_s_own_is_a_line_of_a_shell_or_a_command_that_must_be_there() -> (
    None
):
    own = {
        "vite": OwnPhase("vite", "npm run build"),
        "css": OwnPhase("css", "manage.py tailwind build"),
    }
    assert wrong(of_build(Machine("build1"), phases=("vite", "css", *PHASES), own=own)) == [
        ("phase css", "the project has no management command tailwind"),
    ]


@pytest.mark.parametrize(
    ("node", "what"),
    [
        (Ran(0, "v14.21.3\n"), "node is v14.21.3"),
        (Ran(127, ""), "node is not there"),
        (Ran(0, "node: command not found"), "node is node: command not found"),
    ],
)
def test_node_is_needed_only_by_the_phases_that_start_it(node: Ran, what: str) -> None:
    machine = Machine("build1")
    machine.node = node
    assert wrong(of_build(machine)) == [("Node.js", what)]
    assert wrong(of_build(machine, phases=("collectstatic", "compress"))) == []


def test_a_static_root_that_a_build_would_refuse_is_found(faults: list[BuildError]) -> None:
    faults.append(BuildError("it holds notes.txt", where="build1", mend="move it away"))
    found = of_build(Machine("build1"))
    assert bad("build1", "STATIC_ROOT", "it holds notes.txt", "move it away") in found
    assert [one["ok"] for one in found if one["subject"] == "STATIC_ROOT"] == [False]


def test_a_static_root_that_a_build_cannot_change_is_found() -> None:
    """`check` said that all is well, and collectstatic could not write."""
    machine = Machine("build1")
    root = FACTS["static_root"]
    machine.closed = Ran(0, f"{root}/CACHE\n")
    found = [one for one in of_build(machine) if one["subject"] == "STATIC_ROOT"]
    what = f"deploy may not read and write in 1 folder there, such as {root}/CACHE"
    assert found == [bad("build1", "STATIC_ROOT", what, f"sudo chown -R deploy {root}")]
    machine.closed = Ran(0, "/srv/shop\n")
    found = [one for one in of_build(machine) if one["subject"] == "STATIC_ROOT"]
    what = f"deploy may not make {root}: /srv/shop cannot be written"
    assert found == [bad("build1", "STATIC_ROOT", what, f"sudo install -d -o deploy {root}")]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any account may enter: pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def closed(root: Path) -> list[str]:
    """Return what the host's own shell says, asked by an account that is not root."""
    who: dict[str, Any] = {"user": 65534} if os.geteuid() == 0 else {}
    words = ["sh", "-c", project._CLOSED, "sh", str(root)]
    return subprocess.run(words, **who, capture_output=True, text=True, check=False).stdout.split()


def made(folder: Path, mode: int) -> Path:
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    folder.chmod(mode)
    return folder


def test_the_host_names_the_folders_that_are_closed(open_folder: Path) -> None:
    root = made(open_folder / "static", 0o755)
    made(root / "css", 0o755)
    assert closed(root) == []
    cache = made(root / "CACHE", 0o755)
    made(cache / "js", 0o555)
    cache.chmod(0o555)
    assert closed(root) == [str(cache), str(cache / "js")]
    (open_folder / "link").symlink_to(root)
    assert closed(open_folder / "link") == [
        f"{open_folder}/link/CACHE",
        f"{open_folder}/link/CACHE/js",
    ]
    assert closed(root / "css" / "new" / "static") == []
    assert closed(cache / "new" / "static") == [str(cache)]
    cache.chmod(0o755)


def test_the_static_root_is_judged_by_the_journal_that_the_host_has_now() -> None:
    """What an interrupted build left there is known as a build's by the journal alone."""
    machine = Machine("build1")
    deploy = deployment(machine)
    list(project.of_build(deploy, machine))  # type: ignore[arg-type]
    assert isinstance(deploy.journal, Journal)


def test_a_storage_that_django_reads_no_more_is_named_with_what_it_uses_instead() -> None:
    (told,) = wrong(of_build(Machine("build1", ignored_storage="shop.Storage")))
    assert told == (
        "STATICFILES_STORAGE",
        "Django 5.2 does not read this setting any more: it uses StaticFilesStorage, and not shop.Storage",
    )
    assert wrong(of_build(Machine("build1", ignored_storage="StaticFilesStorage"))) == []


def test_a_brotli_that_is_not_there_is_found_where_it_is_asked_for() -> None:
    machine = Machine("build1")
    machine.brotli = Ran(127, "")
    assert wrong(of_build(machine, precompress=("br",)))[0][0] == "brotli"
    assert wrong(of_build(machine, precompress=("gzip",))) == []


@pytest.mark.parametrize(
    ("version", "is_well"), [("4.5.1", False), ("4.6", True), ("4.10", True), ("5.0a1", True)]
)
def test_a_compressor_that_loses_blocks_is_found(version: str, is_well: bool) -> None:
    found = of_build(Machine("build1", compressor=version))
    assert (wrong(found) == []) is is_well


def test_names_by_time_of_change_are_advised_against() -> None:
    found = of_build(Machine("build1", compress={"css_hashing_method": "mtime"}))
    (one,) = [one for one in found if one.get("advice")]
    assert one["mend"] == 'set COMPRESS_CSS_HASHING_METHOD = "content"'


# ---- where it renders pages


def test_a_web_host_like_the_build_host_has_nothing_to_mend() -> None:
    assert of_web(Machine("web1")) == []


@pytest.mark.parametrize(
    ("facts", "subject", "what"),
    [
        (
            {"static_url": "/assets/"},
            "settings",
            "STATIC_URL is '/assets/' here and '/static/' on build1",
        ),
        (
            {"static_cdn": "https://cdn"},
            "settings",
            "STATIC_CDN is 'https://cdn' here and '' on build1",
        ),
        (
            {"libraries": {"django": "5.1"}},
            "libraries",
            "not those of build1: django 5.1 here, 5.2 there, babel not here, 2.17 there",
        ),
        (
            {"compress": {"enabled": True, "offline": False}},
            "settings",
            "COMPRESS_ENABLED or COMPRESS_OFFLINE is off: pages will not use the offline manifest",
        ),
    ],
)
def test_what_differs_on_a_web_host_is_found(
    facts: dict[str, Any], subject: str, what: str
) -> None:
    assert wrong(of_web(Machine("web1", **facts))) == [(subject, what)]


def test_the_cdns_address_may_differ_where_neither_builds_it_in() -> None:
    there = Machine("build1", cdn_independent=True)
    apart = {"static_cdn": "https://cdn"}
    assert of_web(Machine("web1", **apart, cdn_independent=True), there) == []
    assert len(of_web(Machine("web1", **apart), there)) == 1


def test_a_page_that_a_deploy_would_ask_for_is_asked_on_the_host_itself() -> None:
    web1 = Machine("web1")
    url = "http://{address}:8000/health"
    (told,) = of_web(web1, check=url)
    assert (told["ok"], told["what"]) == (True, "http://10.0.0.31:8000/health answers 200")
    assert web1.asked == [{"url": "http://10.0.0.31:8000/health", "timeout": 5}]
    web1.answer = "connection refused"
    assert wrong(of_web(web1, check=url)) == [
        ("web.check", "http://10.0.0.31:8000/health answers connection refused")
    ]
