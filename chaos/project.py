"""A small Django project, for these runs and for the integration tests: it knows nothing of us."""

from __future__ import annotations

import base64
import random
import sys
from pathlib import Path

from fab_static.phases.run.handing_over import FEW_BYTES

FILES = {
    "manage.py": """\
import os, sys
if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiny.settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
""",
    "tiny/__init__.py": "",
    "tiny/settings.py": """\
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.staticfiles", "compressor"]
STATICFILES_DIRS = [BASE_DIR / "assets"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "compressor.finders.CompressorFinder",
]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
COMPRESS_ENABLED = COMPRESS_OFFLINE = True
ROOT_URLCONF = "tiny.urls"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "DIRS": [BASE_DIR / "templates"],
    "APP_DIRS": True,
}]
""",
    "tiny/urls.py": """\
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
urlpatterns = [
    path("", lambda request: render(request, "page.html")),
    path("health", lambda request: HttpResponse("ok")),
]
""",
    "tiny/wsgi.py": """\
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiny.settings")
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
""",
    "templates/page.html": """\
{% load static compress %}<!doctype html><title>tiny</title>
{% compress css %}<link rel="stylesheet" href="{% static 'site.css' %}">{% endcompress %}
<img src="{% static 'paper.svg' %}"><img src="{% static 'logo.svg' %}">
""",
    "assets/site.css": "body { color: #111; background: url(paper.svg) }\n",
    "assets/paper.svg": "<svg xmlns='http://www.w3.org/2000/svg' id='paper'/>\n",
    "assets/logo.svg": "<svg xmlns='http://www.w3.org/2000/svg' id='logo'/>\n",
    "assets/app.js": "console.log('app')\n",
    "assets/chunk.0.js": "console.log('chunk')\n",
    "assets/sp ace/ü'\"&.txt": "odd\n",
}
QUICK = {  # what a seed need not wait for
    # in resource_static's stead: the same file, without a Django start
    "versions.py": """\
import hashlib, json, pathlib
root = pathlib.Path("staticfiles")
with open("resource_versions.yml", "w") as file:
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        version = hashlib.sha1(path.read_bytes()).hexdigest()[:7]
        file.write(f"{json.dumps(str(path.relative_to(root)))}: '{version}'\\n")
""",
    # a web process that reads both manifests once, when it starts, as Django's does; and tells which
    "tiny/wsgi.py": """\
import hashlib, json, pathlib
code = pathlib.Path(__file__).resolve().parent.parent
READ = {}
for name in ("staticfiles/CACHE/manifest.json", "resource_versions.yml"):
    try:
        data = (code / name).read_bytes()
    except OSError:
        data = b"{}"
    READ[name] = hashlib.sha256(data).hexdigest()
READ["keys"] = sorted(json.loads((code / "staticfiles/CACHE/manifest.json").read_text())) \\
    if (code / "staticfiles/CACHE/manifest.json").exists() else []
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(READ).encode()]
""",
}
BUILD = {
    "phases": ["collectstatic", "resource_static", "compress"],
    "commands": {"resource_static": f"{sys.executable} -I -S versions.py"},
}


def write(folder: Path, *, quick: bool = False) -> Path:
    """Write the project; return its folder. `quick`: with web processes that start at once."""
    for path, text in {**FILES, **(QUICK if quick else {})}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def change(code: Path, what: str, mark: str) -> None:
    """Change sources of a checkout: `css`, `image` or `both`; the mark makes the bytes new."""
    if what in ("css", "both"):
        css = f"body {{ color: #111; background: url(paper.svg); --mark: {mark} }}\n"
        (code / "assets" / "site.css").write_text(css, encoding="utf-8")
        (code / "assets" / "app.js").write_text(f"console.log('{mark}')\n", encoding="utf-8")
        for chunk in (code / "assets").glob("chunk.*.js"):  # as a bundler does: another name
            chunk.unlink()
        (code / "assets" / f"chunk.{mark}.js").write_text(f"chunk('{mark}')\n", encoding="utf-8")
    if what in ("image", "both"):
        # so much that it is fetched, however compressed: what is little comes with the seal
        noise = base64.b64encode(random.Random(mark).randbytes(FEW_BYTES + 1024)).decode()  # noqa: S311
        svg = f"<svg xmlns='http://www.w3.org/2000/svg' id='paper-{mark}'><!-- {noise} --></svg>\n"
        (code / "assets" / "paper.svg").write_text(svg, encoding="utf-8")


def sources(code: Path) -> dict[Path, str]:
    """Return the sources that `change` changes, so that a change can be given up."""
    folder = code / "assets"
    return {path: path.read_text("utf-8") for path in sorted(folder.iterdir()) if path.is_file()}


def put_back(code: Path, known: dict[Path, str]) -> None:
    """Give up a change: what `sources` returned before stands there again, and nothing else."""
    for path in sources(code).keys() - known.keys():
        path.unlink()
    for path, text in known.items():
        path.write_text(text, encoding="utf-8")
