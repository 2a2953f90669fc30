"""A fleet for each module that asks for one: real sshd and nginx on loopback, real Django on every host."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest

from chaos.invariants import lives, provisional
from chaos.operator import Operators
from chaos.project import write as write_tiny
from demo.fleet import HOSTS, Fleet, _merged
from fab_static import api
from fab_static.plan import inventory
from tests.cures import names_check
from tests.django_starts import forking_python, run_python

__all__ = ["HOSTS", "write_tiny"]  # for the tests, besides what is defined here
ROOT = Path(__file__).resolve().parents[2]
FAB = str(Path(sys.executable).parent / "fab")
# before an interpreter and `install`: to give an environment a pip of its own takes four seconds
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python")
LONGEST = (
    "test_bad_days",
    "test_deltas",
    "test_deploy",
    "test_through_the_edge",
    "test_open_pages",
    "test_ctrl_c_is_answered_at_once",
    "test_precompilers",
    "test_s3",
    "test_django_commands",
    "test_documented",
    "test_openssh",
    "test_sample_project",
    "test_reuse",
    "test_ssh_as_ssh",
    "test_own_phases",
    "test_mailing_lists",
    "test_bundler_manifests",
    "test_package",
    "test_told",
    "test_self_healing",
    "test_looking",
    "test_build_traps",
    "test_hosts_that_join",
    "test_static_root_is_safe",
    "test_bundles_are_minified",
    "test_under_load",
)
ENDS = ExitStack()  # what all tests of this worker share


@dataclass
class Answer:
    """What an HTTP server said."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass
class Operator:
    """A person with a fabfile, an inventory for the fleet, and fab."""

    fleet: Fleet
    folder: Path
    name: str = "staging"

    def write_inventory(self, name: str | None = None, **extra: Any) -> None:
        """Write an inventory for the fleet; the project's Python forks, unless another is named.

        How its process is followed, and which files of Django its start reads, a test sees with sys.executable.
        """
        project = {"python": str(forking_python()), **extra.pop("project", {})}
        file = self.folder / "inventories" / f"{name or self.name}.yml"
        self.fleet.write_inventory(file, project=project, **extra)

    def environment(self, **extra: str) -> dict[str, str]:
        return {**os.environ, **self.fleet.environment(), "COLUMNS": "200", **extra}

    def start(self, *words: str, name: str | None = None, **extra: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [FAB, name or self.name, *words],
            cwd=self.folder,
            env=self.environment(**extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fab(
        self, *words: str, code: int = 0, name: str | None = None, stdin: str = "", **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Run fab; the exit code must be the one expected, and a cure that names `check` must be true.

        It is a process of its own, forked from one that has imported it. Python's own variables
        (PYTHON…) come too late for it: use `start`.
        """
        ran = self._ran([name or self.name, *words], stdin, extra)
        assert ran.returncode == code, f"exit {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        assert "does not hold what we write" not in ran.stdout + ran.stderr, ran.stdout
        if code and "check" not in words and names_check(ran.stdout + ran.stderr):
            checked = self._ran([name or self.name, "check"], "", extra)
            assert checked.returncode == 1, f"its cure names check, which finds nothing:\n{checked}"
        return ran

    def _ran(
        self, words: list[str], stdin: str, extra: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        environment = self.environment(**extra)
        return operators().run(words, self.folder, environment, stdin=stdin, seconds=300)

    def json(self, *words: str, name: str | None = None, code: int = 0) -> Any:
        """Run a looking task with --json; standard output must be JSON alone, as docs/json/ says."""
        found = json.loads(self.fab(*words, "--json", name=name, code=code).stdout)
        check_schema("plan" if words[0] == "deploy" else words[0], found)
        return found

    def live(self) -> str | None:
        """Return what is live on all hosts, as their disks say: they agree, and no flip waits for its end.

        Tests ask so often that `fab status` would take minutes; whether that tells the same, its own tests say.
        """
        found = set(lives(self.fleet).values())
        assert len(found) == 1, found
        assert not provisional(self.fleet)
        return found.pop()

    def release(self, host: str, release: str) -> dict[str, Any]:
        folder = self.fleet.hosts[host].static / "releases" / release
        seal: dict[str, Any] = json.loads((folder / "release.json").read_text())
        return seal

    def urls(self, release: str) -> dict[str, str]:
        """Return every URL that pages of a release may print, below the origin -> SHA-256."""
        seal = self.release("edge1", release)
        files = seal["files"]
        urls = {
            f"/static/{quote(path)}?version={version}": files[path]["sha256"]
            for path, version in seal["versioned"].items()
        }
        urls |= {f"/static/{quote(path)}": files[path]["sha256"] for path in seal["named"]}
        return urls

    def wrong(self, urls: Mapping[str, str]) -> list[str]:
        """Return what static hosts answer otherwise than recorded."""
        found = []
        for host in self.fleet.with_role("static"):
            for url, sha256 in urls.items():
                for encoding in ("identity", "gzip"):
                    answer = get(self.fleet.origin(host.name) + url, encoding)
                    if (answer.status, answer.sha256) != (200, sha256):
                        found.append(
                            f"{host.name} {url} {encoding}: {answer.status}, {answer.sha256}"
                        )
        return found

    def manifests(self, host: str) -> tuple[bytes, bytes]:
        """Return both manifests as the host's web processes read them."""
        code = self.fleet.hosts[host].code
        manifest = (code / "staticfiles" / "CACHE" / "manifest.json").read_bytes()
        versions = code / "resource_versions.yml"
        return manifest, versions.read_bytes() if versions.exists() else b""


def check_schema(name: str, value: Any) -> None:
    """Hold JSON to its schema in docs/json/."""
    schema = json.loads((ROOT / "docs" / "json" / f"{name}.schema.json").read_text())
    jsonschema.validate(value, schema, jsonschema.Draft202012Validator)


def get(url: str, encoding: str = "identity") -> Answer:
    """Ask a URL; a body that came as gzip is decoded."""
    encoded = quote(url, safe="%/:?#[]@!$&'()*+,;=~")  # as browsers do
    request = urllib.request.Request(encoded, headers={"Accept-Encoding": encoding})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            body = answer.read()
            if answer.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            return Answer(answer.status, body, dict(answer.headers))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read(), dict(error.headers))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP; yield the base URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@cache
def operators() -> Operators:
    """Return what starts fab for all tests of this worker."""
    folder = ENDS.enter_context(tempfile.TemporaryDirectory(prefix="fab-"))
    started = Operators(Path(folder), os.environ)
    ENDS.callback(started.close)
    return started


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: one that begins last would leave the other cores idle."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def pytest_sessionfinish() -> None:
    ENDS.close()


def operator_of(fleet: Fleet, folder: Path) -> Operator:
    (folder / "inventories").mkdir(parents=True)
    shutil.copy(ROOT / "fabfile.py", folder)
    return Operator(fleet, folder)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's packages, which each test of a module may link to: nobody else watches the times of these."""
    folder = tmp_path_factory.mktemp("packages")
    shutil.copytree(
        ROOT / "tests/sample_project/node_modules", folder, dirs_exist_ok=True, symlinks=True
    )
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The sample shop on five hosts, with an AWS stand-in; nothing is deployed yet."""
    folder = tmp_path_factory.mktemp("shop")
    sys.path.insert(0, str(ROOT / "tests" / "sample_project"))
    import checkout

    project = checkout.copy_to(folder / "project")
    with Fleet(folder / "hosts", HOSTS, project=project, settings="shop.settings", app="shop") as f:
        f.start_aws()
        operator = operator_of(f, folder / "operator")
        operator.write_inventory(
            app="shop",
            probe={"pages": [f"{f.site('web1')}/", f"{f.site('web2')}/cart/"]},
            web={"running": f"http://{{address}}:{f.app_port}/static-release"},
        )
        yield operator


@dataclass
class Told(api.Quiet):
    """What a run told its operator."""

    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)


RENDERED = """\
import sys
import django
django.setup()
from django.test import Client
print(Client(raise_request_exception=True).get(sys.argv[1]).content.decode())
"""


def rendered(code: Path, settings: str, path: str = "/") -> str:
    """Return the page that a new web process renders."""
    environment = {"DJANGO_SETTINGS_MODULE": settings, "PATH": "/usr/bin:/bin"}
    ran = run_python("-c", RENDERED, path, cwd=code, env=environment, text=True)
    assert ran.returncode == 0, ran.stderr
    return str(ran.stdout)


@contextmanager
def on_this_machine(
    code: Path,
    *phases: str,
    name: str = "local",
    settings: str = "tiny.settings",
    **extra: Any,
) -> Iterator[tuple[api.Session, Told]]:
    """Open a session with one host, this machine, that builds, serves and renders; no SSH, no server."""
    told = Told()
    text = json.dumps(
        _merged(
            {
                "app": "tiny",
                "deploy_to": f"{code}.static",
                "hosts": {"here": {"local": True, "roles": ["build", "static", "web"]}},
                "project": {"path": str(code), "python": sys.executable, "settings": settings},
                "build": {"phases": list(phases)},
            },
            extra,
        )
    )
    environment = inventory.parse(text, name=name, source=f"{name}.yml")
    with api.Session(environment, inventories=code.parent / "inventories", show=told) as session:
        yield session, told


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """A project that knows nothing of us, live on five hosts."""
    folder = tmp_path_factory.mktemp("tiny")
    project = write_tiny(folder / "project")
    with Fleet(folder / "hosts", HOSTS, project=project, settings="tiny.settings", app="tiny") as f:
        operator = operator_of(f, folder / "operator")
        operator.write_inventory(build={"phases": ["collectstatic", "compress"]})
        operator.fab("deploy")
        yield operator
