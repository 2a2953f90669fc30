"""On a fresh Debian, README alone gives a styled page (issue 21, point 4; first hour 2).

The commands are those of README and of the page it links to, read from there. Three hosts, as in README's inventory:
one builds, one serves, one renders. Their packages are installed beforehand, since a root is made once.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.documented import ROOT, fences
from tests.fresh.machines import SYSTEMCTL, Machine, network, run

SETTINGS = """
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS += ["compressor", "shop"]
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "compressor.finders.CompressorFinder",
]
COMPRESS_OFFLINE = True
"""
URLS = """
from django.urls import path
from django.views.generic import TemplateView

urlpatterns = [path("", TemplateView.as_view(template_name="shop/home.html"))]
"""
HOME = """\
{% load static compress %}<!doctype html>
{% compress css %}<link rel="stylesheet" href="{% static 'shop/site.css' %}">{% endcompress %}
<h1>Shop</h1>
"""
CSS = "h1 { color: rebeccapurple }\n"


def blocks(page: str, language: str, beginning: str = "") -> list[str]:
    """Return the fenced blocks of a page of the docs, by what stands in them."""
    return [text for name, text in fences(language) if name == page and beginning in text]


def project(folder: Path) -> Path:
    """Make a project as `django-admin startproject` does, with one page and its stylesheet."""
    folder.mkdir()
    run(sys.executable, "-m", "django", "startproject", "shop", str(folder))
    settings = folder / "shop" / "settings.py"
    settings.write_text(settings.read_text() + SETTINGS)
    (folder / "shop" / "urls.py").write_text(URLS)
    for place, text in (("templates/shop/home.html", HOME), ("static/shop/site.css", CSS)):
        path = folder / "shop" / place
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return folder


@pytest.fixture
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Machine]]:
    """The three hosts of README's inventory, just installed: nginx runs with its default site, and sshd."""
    folder = tmp_path_factory.mktemp("fresh")
    run("mount", "-t", "tmpfs", "tmpfs", str(folder))  # no layer stands on another layer's disk
    network()
    lower = ROOT / ".cache" / "debian"
    inventory = yaml.safe_load(blocks("README.md", "yaml", "deploy_to")[0])
    made = {}
    try:
        for name, host in inventory["hosts"].items():
            made[name] = machine = Machine(name, host["address"], lower, folder)
            systemctl = machine.root / "usr" / "bin" / "systemctl"
            systemctl.write_text(SYSTEMCTL)
            systemctl.chmod(0o755)
            machine.do(
                "rm /etc/ssh/ssh_host_*; ssh-keygen -A; mkdir -p /run/sshd; /usr/sbin/sshd; nginx"
            )
        yield made
    finally:
        for machine in made.values():
            machine.end()


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[Path]:
    """The stranger's ~/.ssh: a key, and no host is known. It stands over ours while the test runs."""
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "id_ed25519"))
    home = Path.home() / ".ssh"
    was_there = home.exists()
    home.mkdir(exist_ok=True)
    run("mount", "--bind", str(folder), str(home))
    yield folder
    run("umount", str(home))
    if not was_there:
        home.rmdir()


def host_is_ready(machine: Machine, key: str, code: Path) -> None:
    """Do on a host what the docs say; the admin, who may log in, has the project and its packages brought."""
    machine.do("install -d -m 700 /root/.ssh; cat > /root/.ssh/authorized_keys", text=key)
    machine.do("cat > deploy.pub", text=key)
    for block in blocks("hosts.md", "sh", "adduser"):
        machine.do(block)
    machine.do("sudo apt-get install nginx")
    if machine.name == "edge1":
        return
    shutil.copytree(code, machine.root / "srv" / "shop" / "code")
    packages = machine.root / "srv" / "shop" / "packages"
    packages.mkdir()
    site = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    run("mount", "--bind", "-o", "ro", str(site), str(packages))
    machine.do(
        "cd /srv/shop; python3 -m venv --without-pip venv; chown -R deploy: code; "
        "echo /srv/shop/packages > venv/lib/python3.11/site-packages/packages.pth"
    )


def asked(url: str) -> tuple[int, str, str]:
    """Return the status, the headers and the body of what a browser gets."""
    request = urllib.request.Request(url, headers={"Host": "shop.example.com"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.status, str(answer.headers), answer.read().decode()


def test_readme_and_the_page_it_links_to_give_a_styled_page(
    machines: dict[str, Machine], ssh: Path, tmp_path: Path
) -> None:
    code = project(tmp_path / "shop")
    key = (ssh / "id_ed25519.pub").read_text()
    for machine in machines.values():
        host_is_ready(machine, key, code)

    def fab(command: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return subprocess.run(
            ["bash", "-o", "pipefail", "-ec", command],
            cwd=code,
            env=environment,
            capture_output=True,
            text=True,
        )

    assert fab("fab-static init").returncode == 0
    inventory = yaml.safe_load(blocks("README.md", "yaml", "deploy_to")[0])
    del inventory["web"]  # "`reload` and `check` are yours. Leave out what you do not have."
    (code / "inventories" / "staging.yml").write_text(yaml.safe_dump(inventory))

    (commands,) = blocks("README.md", "", "fab staging check  ")
    lines = [line.split("#")[0].strip() for line in commands.splitlines()]
    # "A host whose key is unknown is refused; the message has the line that makes it known."
    refused = fab(lines[0])
    assert refused.returncode == 1
    known = re.findall(r"ssh-keyscan [^\n;]*>>[^\n;]*", refused.stdout + refused.stderr)
    assert len({*known}) == 3, refused.stdout + refused.stderr
    for line in {*known}:
        assert fab(line).returncode == 0
    for line in lines:
        ran = fab(line)
        assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"

    (given,) = blocks("hosts.md", "sh", "ssh 10.0.0.21")
    ran = fab(given)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (server,) = blocks("hosts.md", "nginx", "shop.example.com")
    web = machines["web1"]
    web.do("cat > /etc/nginx/conf.d/shop.conf; nginx -t; systemctl reload nginx", text=server)
    serve = "cd /srv/shop/code && exec ../venv/bin/python manage.py runserver --noreload 8000"
    web.begin(["sh", "-c", serve], user="deploy")
    web.do(
        "for at in $(seq 200); do (: < /dev/tcp/127.0.0.1/8000) 2>&- && exit; sleep 0.1; done; exit 1"
    )

    status, _, page = asked("http://10.0.0.31/")
    assert (status, "<h1>Shop</h1>" in page) == (200, True)
    (css,) = re.findall(r'href="(/static/CACHE/css/[^"]+\.css)"', page)
    status, headers, body = asked(f"http://10.0.0.31{css}")
    assert (status, "rebeccapurple" in body) == (200, True)
    assert "Content-Type: text/css" in headers
    assert "immutable" in headers
    # the default site is there still, and answers to other names
    assert "Welcome to nginx" in run("curl", "-s", "-H", "Host: other", "http://10.0.0.21/")
