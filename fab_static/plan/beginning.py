"""The first files of an operator: what `fab init` writes for the project that it found.

What stands in the inventory is right for most projects of its kind. What only the operator knows, addresses say,
stands there with a comment.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

FABFILE = '''\
"""Tasks: fab <environment> <task>. Each file of inventories/ is an environment."""

from fab_static import namespace

__all__ = ["namespace"]
'''
FIRST = "staging"  # the environment that it begins with
OTHERS = 5  # manage.py that are named
NEXT = ("check", "plan", "deploy")  # tasks
APART = "static."  # begins our commands where a fabfile has a namespace of its own

_TASK = re.compile(r"^@(?:\w+\.)?task\b.*?^def (\w+)", re.MULTILINE | re.DOTALL)
_NAMESPACE = re.compile(r"^(namespace|ns)\s*=", re.MULTILINE)


@dataclass(frozen=True)
class Bundler:
    """What builds JavaScript or CSS before collectstatic collects it: Vite, webpack or the like.

    `folder` holds package.json, and `writes` is what the build leaves; both relative to the repository.
    """

    name: str
    runner: str = "npm"  # or yarn, pnpm
    folder: str = ""
    writes: str = "dist"


@dataclass(frozen=True)
class Found:
    """What was found in a repository without running any of it."""

    name: str  # of its folder
    below: str = ""  # the folder of manage.py, relative to the repository
    has_manage: bool = True
    others: tuple[str, ...] = ()  # each other manage.py, relative to the repository
    settings: str | None = None
    venv: str | None = None  # a virtual environment's folder, relative to the repository
    phases: tuple[str, ...] = ("collectstatic",)
    is_offline: bool = True  # COMPRESS_OFFLINE is set, where compress is a phase
    bundler: Bundler | None = None
    static_root: str | None = None  # relative to the repository


def commands(prefix: str = "") -> list[str]:
    """Return the commands to run next; `prefix` is the collection that our tasks stand in."""
    return [f"fab {prefix}{FIRST} {prefix}{task}" for task in NEXT]


def joining(fabfile: str, ours: Collection[str]) -> tuple[list[str], str]:
    """Return the lines that a fabfile needs for our tasks, beyond its own; and what our commands begin with then.

    Args:
        fabfile: its text. Fabric takes a `namespace` as all that there is: tasks beside it would be gone.
        ours: the names of our tasks, as the command line has them.
    """
    own = _TASK.findall(fabfile)
    theirs = _NAMESPACE.search(fabfile)
    if not theirs and not {name.replace("_", "-") for name in own} & {*ours, FIRST}:
        return [
            "from fab_static import namespace",
            *(f"namespace.add_task({name})" for name in own),
        ], ""
    name = theirs[1] if theirs else "namespace"
    made = (
        []
        if theirs
        else ["from invoke import Collection", f"namespace = Collection({', '.join(own)})"]
    )
    lines = [
        "from fab_static import namespace as static",
        *made,
        f'{name}.add_collection(static, "static")',
    ]
    return lines, APART


def taken(found: Found) -> list[str]:
    """Return lines on which manage.py the inventory is written for, where somebody may expect another."""
    if not found.has_manage:
        return [
            "no manage.py was found here: what inventories/staging.yml says of the project is a guess. If it",
            "stands in another folder, run fab-static init there",
        ]
    if not found.below and not found.others:
        return []
    place = PurePosixPath(found.below) / "manage.py"
    lines = [f"inventories/staging.yml is written for {place}"]
    if found.others:
        lines.append(f"there are others: {', '.join(found.others[:OTHERS])}")
        lines.append("for one of those, change path and settings below project")
    return lines


def app_of(found: Found) -> str:
    """Return the name of the app: the folder's, in letters that every path and key may have."""
    return re.sub(r"[^a-z0-9]+", "-", found.name.lower()).strip("-")[:64] or "site"


def inventory(found: Found) -> str:
    """Return the text of inventories/staging.yml."""
    return "\n".join(_lines(found)) + "\n"


def ignored(found: Found) -> list[str]:
    """Return the lines that .gitignore should have: what builds write into the checkout."""
    root = found.static_root
    return ["resource_versions.yml", *([f"/{root}/"] if root else [])]


def _lines(found: Found) -> Iterator[str]:
    app = app_of(found)
    code = PurePosixPath("/srv") / app / "code"
    yield "# The environment `staging`: fab staging <task>. Every other key: inventories/example.yml"
    yield f"app: {_quoted(app)}"
    yield f"deploy_to: /srv/{app}/static    # on every host, a folder of its own"
    yield ""
    yield "hosts:"
    yield "  # one machine for all, until you add others. Change its address"
    yield "  host1: {address: staging.example.com, roles: [build, static, web]}"
    yield "  # host2: {address: 10.0.0.2, roles: [static, web]}"
    yield ""
    yield "ssh:"
    yield "  user: deploy    # who logs in, and may write deploy_to. The host's key must be in known_hosts"
    yield ""
    yield "project:"
    yield f"  path: {code / found.below}    # holds manage.py on the hosts. Your own deploy brings the code there"
    yield f"  python: {_python(found, code)}"
    yield _settings(found)
    yield '  # environment: {DEBUG: "0"}         # variables that the settings read'
    yield "  # secrets: [DATABASE_PASSWORD]      # names of variables; their values stay in your environment"
    yield ""
    yield from _build(found)
    yield ""
    yield "web:    # after a release went live, on each web host"
    yield f'  # reload: "sudo -n systemctl reload {app}"    # web processes read the manifests once: have them read again'
    yield '  # check: "http://127.0.0.1:8000/"           # must answer 200 then'
    yield ""
    yield '# probe: {pages: ["https://staging.example.com/"]}    # pages that must answer, with all that they name'


def _quoted(text: str) -> str:
    """Return text that YAML reads as text: a name of digits alone, or `on`, in quotes."""
    return (
        text
        if re.search(r"[a-z]", text)
        and text not in ("on", "off", "yes", "no", "y", "n", "null", "true", "false")
        else f'"{text}"'
    )


def _python(found: Found, code: PurePosixPath) -> str:
    if found.venv:
        return f"{code / found.venv}/bin/python"
    return f"{code.parent}/venv/bin/python    # the interpreter of the project, with Django in it"


def _settings(found: Found) -> str:
    if found.settings:
        return f"  settings: {found.settings}    # as manage.py has it, or your shell; the hosts may need another"
    return f"  # settings: {app_of(found).replace('-', '_')}.settings    # default: as manage.py has it"


def _build(found: Found) -> Iterator[str]:
    yield "build:"
    own = found.bundler
    phases = ", ".join(found.phases)
    run, writes = _own_phase(found) if own else ("", None)
    if own and writes is None:
        yield f"  # {own.name} builds outside of project.path: build it before you deploy, or see docs/bundlers.md"
    if own is None or writes is None:
        yield f"  phases: [{phases}]"
    else:
        yield "  phases:"
        yield "    # it runs before files are collected; node_modules must be there, see docs/bundlers.md"
        yield f'    - {{name: {own.name}, run: "{run}", writes: [{writes}]}}'
        yield from (f"    - {name}" for name in found.phases)
    if "compress" in found.phases and not found.is_offline:
        yield "  # compress needs COMPRESS_OFFLINE = True in the settings of the hosts"


def _own_phase(found: Found) -> tuple[str, str | None]:
    """Return the line that runs the bundler in project.path, and what it writes there, or None if it is outside."""
    bundler = found.bundler
    assert bundler is not None  # noqa: S101 - the caller looked
    folder, writes = _inside(bundler.folder, found.below), _inside(bundler.writes, found.below)
    build = f"{bundler.runner} run build"
    if folder is None or not writes:
        return build, None
    return (f"cd {folder} && {build}" if folder else build), writes


def _inside(path: str, below: str) -> str | None:
    """Return a path of the repository relative to a folder of it, or None if it is outside."""
    try:
        relative = str(PurePosixPath(path).relative_to(below))
    except ValueError:
        return None
    return "" if relative == "." else relative


def settings_of(manage: str) -> str | None:
    """Return the settings module that a manage.py names."""
    found = re.search(r"""DJANGO_SETTINGS_MODULE['"]\]?\s*[,=]\s*['"]([\w.]+)['"]""", manage)
    return found[1] if found else None


def phases_of(
    settings: str, commands: Sequence[str], *, has_less: bool, has_requirejs: bool
) -> tuple[str, ...]:
    """Return the build phases of a project: by the text of its settings, and the names of its commands."""
    ours = _names_app(settings, "fab_static.django_app")
    wanted = {
        "collectstatic": True,
        "fix_less_imports": "fix_less_imports_collectstatic" in commands or (ours and has_less),
        "compilejsi18n": "compilejsi18n" in commands or _names_app(settings, "statici18n"),
        "resource_static": "resource_static" in commands or ours,
        "build_requirejs": "build_requirejs" in commands or (ours and has_requirejs),
        "compress": _names_app(settings, "compressor"),
    }
    return tuple(name for name, is_wanted in wanted.items() if is_wanted)


def _names_app(settings: str, app: str) -> bool:
    return (
        re.search(rf"""^[^#\n]*['"]{re.escape(app)}(?:\.apps\.\w+)?['"]""", settings, re.M)
        is not None
    )


def is_offline(settings: str) -> bool:
    """Tell whether the settings compress offline, as far as their text says."""
    return (
        re.search(r"^[^#\n]*COMPRESS_OFFLINE['\"]?\]?\s*[=:](?!\s*False\b)", settings, re.M)
        is not None
    )


def static_root_of(settings: str) -> str | None:
    """Return STATIC_ROOT relative to the project, where the settings say it in a line that can be read."""
    line = re.search(r"^STATIC_ROOT\s*=\s*(.+)$", settings, re.M)
    if not line or not re.search(r"BASE_DIR|ROOT|__file__", line[1]):
        return None
    parts = re.findall(r"""['"]([\w./-]+)['"]""", line[1])
    path = "/".join(part.strip("/") for part in parts)
    return path if path and ".." not in path.split("/") else None


BUNDLERS = ("vite", "webpack", "rspack", "parcel", "rollup", "esbuild", "gulp")


def bundler_of(package: object, folder: str, files: Sequence[str], config: str) -> Bundler | None:
    """Return the bundler of a package.json that has a script `build`, or None if it has none.

    Args:
        package: what package.json holds.
        folder: where it stands, relative to the repository.
        files: the names beside it.
        config: the text of the bundler's own configuration; "" where there is none.
    """
    if not isinstance(package, dict) or not isinstance(package.get("scripts"), dict):
        return None
    build = package["scripts"].get("build")
    if not isinstance(build, str):
        return None
    packages = {
        name for key in ("dependencies", "devDependencies") for name in package.get(key) or ()
    }
    known = {name.rpartition("/")[2].removesuffix("-cli") for name in packages} | set(build.split())
    name = next((one for one in BUNDLERS if one in known or f"{one}.js" in known), "bundle")
    runner = next((one for file, one in RUNNERS.items() if file in files), "npm")
    writes = _output(config) or "dist"
    return Bundler(name, runner, folder, str(PurePosixPath(folder) / writes))


RUNNERS = {"yarn.lock": "yarn", "pnpm-lock.yaml": "pnpm"}


def _output(config: str) -> str | None:
    """Return the folder that a bundler's configuration names for what it writes."""
    vite = re.search(r"""outDir\s*:\s*(?:[\w.]+\(\s*__dirname\s*,\s*)?['"]([\w./-]+)['"]""", config)
    webpack = re.search(
        r"""path\s*:\s*[\w.]+\(\s*__dirname\s*((?:,\s*['"][\w./-]+['"]\s*)+)\)""", config
    )
    if vite:
        found = vite[1]
    elif webpack:
        found = "/".join(re.findall(r"""['"]([\w./-]+)['"]""", webpack[1]))
    else:
        return None
    path = str(PurePosixPath(found))
    return path if not path.startswith(("/", "..")) else None
