"""A deploy runs only the phases whose inputs have changed, and its result follows every one of them."""

import json
import os
import re
import shlex
import sys
from contextlib import contextmanager

import pytest

from fab_static import api
from fab_static.plan import inventory
from fab_static.plan.build_order import BUILD_PHASES

from .conftest import ROOT, Told
from .test_bad_days import PHASES, altered
from .test_bad_days import colour as paint

SETTINGS = """

TEMPLATES[0]["DIRS"] = [BASE_DIR / "overriding"]
COMMENT = os.environ.get("SHOP_COMMENT", "")
"""


class Shop:
    """The sample shop on one host, this machine, deployed once."""

    def __init__(self, folder):
        sys.path.insert(0, str(ROOT / "tests" / "sample_project"))
        import checkout

        self.code = checkout.copy_to(folder / "code")
        self.folder = folder
        (self.code / "overriding").mkdir()
        self.edit("shop/settings.py", lambda text: text + SETTINGS)
        self.environment = {}
        self.commands = {}
        self.phases = BUILD_PHASES
        self.told = Told()

    def edit(self, name, change):
        path = self.code / name
        text = change(path.read_text("utf-8"))
        path.write_text(text, "utf-8")

    @contextmanager
    def session(self):
        """Open a session; the agent here has our environment, and pytest changes that from test to test."""
        text = json.dumps(
            {
                "app": "shop",
                "deploy_to": str(self.folder / "static"),
                "hosts": {"here": {"local": True, "roles": ["build", "static", "web"]}},
                "project": {
                    "path": str(self.code),
                    "python": sys.executable,
                    "settings": "shop.settings",
                    "environment": self.environment,
                },
                "build": {"phases": list(self.phases), "commands": self.commands},
            }
        )
        environment = inventory.parse(text, name="local", source="local.yml")
        self.told = Told()
        current = os.environ.pop("PYTEST_CURRENT_TEST", "")
        try:
            with api.Session(
                environment, inventories=self.folder / "inventories", show=self.told
            ) as session:
                yield session
        finally:
            os.environ["PYTEST_CURRENT_TEST"] = current

    def deploy(self, **options):
        """Deploy; return the phases that ran."""
        with self.session() as session:
            session.deploy(**options)
        return self.ran()

    def ran(self):
        phases = self.journal["phases"]
        last = max(entry["ran"] for name, entry in phases.items() if name in self.phases)
        return [
            name
            for name in self.phases
            if phases[name]["ran"] > last - len(self.phases) and not phases[name].get("reused")
        ]

    @property
    def journal(self):
        return json.loads((self.folder / "static" / "journal.json").read_text())

    @property
    def live(self):
        return (self.folder / "static" / "current").resolve() / "static"

    def compressed(self, kind):
        """Return all compressed files of a kind, as one text."""
        return "".join(
            path.read_text() for path in sorted((self.live / "CACHE").rglob(f"*.{kind}"))
        )


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("reuse"))
    assert shop.deploy() == list(BUILD_PHASES)
    shop.deploy()  # the first flip made links of the project's own files
    return shop


def colour(text):
    return re.sub(r"(?m)^(@[\w-]+:\s*)#[0-9a-fA-F]{6}\b", r"\1#2a6f97", text, count=1)


def test_nothing_changed_and_nothing_runs(shop):
    live = shop.live
    assert shop.deploy() == []
    assert shop.live == live
    with shop.session() as session:
        phases = session.plan()["phases"]
    assert [phase["name"] for phase in phases[:6] if phase["will_run"]] == []
    assert {phase["why"] for phase in phases[:6]} == {"nothing that it reads has changed"}


def test_an_output_that_somebody_edited_or_deleted_is_as_it_was(shop):
    root = shop.code / "staticfiles"
    edited, deleted = root / "shop/js/awesome.js", next((root / "CACHE").rglob("*.css"))
    before = edited.read_bytes(), deleted.read_bytes()
    edited.write_text("edited")
    deleted.unlink()
    live = shop.live
    assert shop.deploy() == []
    assert (edited.read_bytes(), deleted.read_bytes()) == before
    assert shop.live == live


def test_an_import_of_an_import_is_in_the_css(shop):
    shop.edit("shop/static/shop/less/_shop/variables.less", colour)
    with shop.session() as session:
        phases = session.plan()["phases"]
    assert "variables.less has changed" in phases[0]["why"]
    assert phases[5] == {
        "name": "compress",
        "will_run": True,
        "why": "collectstatic runs before it",
    }
    assert {"collectstatic", "compress"} <= {*shop.deploy()}
    assert "2a6f97" in shop.compressed("css")
    asked = {path.stem for path in (shop.folder / "static/recorded").glob("coverage-*")}
    assert len(asked) == 1, "a host that builds and renders is asked once what is covered"


def test_templates_run_what_reads_templates_alone(shop):
    """The page's own, one that it includes, and one that now shadows another."""
    block = "{% load compress %}{% compress js %}<script>var NAME = 1</script>{% endcompress %}"
    shop.edit("shop/templates/shop/base.html", lambda text: text + block.replace("NAME", "own"))
    ran = shop.deploy()
    assert "compress" in ran
    assert "collectstatic" not in ran, shop.told.said
    assert "var own" in shop.compressed("js")

    footer = "shop/templates/shop/includes/footer.html"
    shop.edit(footer, lambda text: text + block.replace("NAME", "included"))
    navbar = shop.code / "overriding/shop/includes/navbar.html"
    navbar.parent.mkdir(parents=True)
    source = (shop.code / "shop/templates/shop/includes/navbar.html").read_text()
    navbar.write_text(source + block.replace("NAME", "shadowing"))
    assert "collectstatic" not in shop.deploy()
    assert "var included" in shop.compressed("js")
    assert "var shadowing" in shop.compressed("js")


def test_settings_and_what_they_read_are_followed(shop):
    """A precompiler's option, a filter, and a variable of the environment, all at once."""
    shop.edit(
        "shop/settings.py",
        lambda text: (
            text
            + 'FAB_STATIC_LESS_OPTIONS = {"modifyVars": {"link-color": "#010203"}}\n'
            + 'COMPRESS_FILTERS["js"] = []\n'
        ),
    )
    shop.environment["STATIC_CDN"] = "https://cdn.example.com"
    shop.deploy()
    assert "#010203" in shop.compressed("css")
    assert "https://cdn.example.com" in shop.compressed("css")
    assert "  " in shop.compressed("js")  # what rJSMin would have taken out


def test_catalogues_scripts_and_the_build_description_are_followed(shop):
    shop.edit("shop/static/shop/js/money.js", lambda text: text + "\nvar changedModule = 1;\n")
    shop.edit(
        "shop/static/shop/yaml/requirejs.yml",
        lambda text: text + "wrap: {start: 'self.wrapped = 1;'}\n",
    )
    (shop.code / "catalog/static/catalog/added.txt").write_text("added")
    catalogue = shop.code / "locale/de/LC_MESSAGES/djangojs.mo"
    was = catalogue.read_bytes()
    word = re.search(rb"[A-Z][a-z]{6,}", was[was.rindex(b"\0\0") :] if b"\0\0" in was else was)
    assert word
    catalogue.unlink()
    catalogue.write_bytes(was.replace(word[0], b"X" * len(word[0])))
    shop.deploy()
    common = (shop.live / "shop/js/common.js").read_text()
    assert "changedModule" in common
    assert "self.wrapped=1" in common
    assert (shop.live / "catalog/added.txt").read_text() == "added"
    assert "XXXXXXX" in (shop.live / "jsi18n/de/djangojs.js").read_text()


def test_another_version_of_a_package_is_another_build(shop):
    shop.edit(
        "node_modules/less/package.json", lambda text: text.replace('"version"', '"version" ')
    )
    assert shop.deploy() == ["compress"]


def test_all_that_was_used_again_equals_what_a_build_of_everything_makes(shop):
    """After all of the above: a wrong reuse would be served, and nobody would see it."""
    live = shop.live
    assert shop.deploy(reuse="verify") == list(BUILD_PHASES)
    assert shop.live == live


def test_a_phase_by_hand_always_runs(shop):
    with shop.session() as session:
        session.phase("compress")
    assert "reused" not in shop.journal["phases"]["compress"]


def test_what_reads_unseen_runs_every_time_and_the_plan_says_why(shop):
    asks = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
    shop.commands["compress"] = (
        f'{sys.executable} manage.py compress --force && {sys.executable} -c "{asks}"'
    )
    shop.deploy()
    assert shop.deploy() == ["compress"]
    with shop.session() as session:
        compress = session.plan()["phases"][5]
    assert compress["will_run"]
    assert "asked the network" in compress["why"]


def test_a_shell_line_that_collects_meets_an_empty_static_root(shop):
    shop.commands.pop("compress", None)
    (shop.code / "catalog/static/catalog/added.txt").write_text("added")
    shop.deploy()
    assert (shop.live / "catalog/added.txt").exists()
    shop.commands["collectstatic"] = f"{sys.executable} manage.py collectstatic --noinput"
    (shop.code / "catalog/static/catalog/added.txt").unlink()
    shop.deploy()
    assert not (shop.live / "catalog/added.txt").exists()


def test_web_hosts_set_the_project_up_while_the_build_goes_on(tiny):
    """Here compress waits for it: a web host that began behind the build would wait for ever."""
    code = tiny.fleet.hosts["web1"].code
    starts, settings = code / "starts", code / "tiny" / "settings.py"
    before = settings.read_text("utf-8")
    noting = "import sys\nif 'gunicorn' not in sys.modules:\n    open(BASE_DIR / 'starts', 'a').write('x')\n"
    settings.write_text(f"{before}\n{noting}", "utf-8")
    try:
        paint(tiny, "navy")
        tiny.fab("deploy")
        assert starts.read_text() == "x", "what its settings are, and what is covered, by one start"
        starts.unlink()
        paint(tiny, "teal")
        awaiting = f"until [ -s {shlex.quote(str(starts))} ]; do sleep 0.05; done; "
        commands = {"compress": f"{awaiting}{sys.executable} manage.py compress --force"}
        with altered(tiny, build={**PHASES, "commands": commands}, ssh={"command_timeout": 60}):
            tiny.fab("deploy")
        assert starts.read_text() == "x"
    finally:
        settings.write_text(before, "utf-8")
