"""Asks a Django project, in its own interpreter, what a deploy must know. Nothing is installed there.

Sent on standard input, in the project's folder, which holds manage.py:

    DJANGO_SETTINGS_MODULE=shop.settings FAB_STATIC_PROBE='{"ask": "settings"}' .venv/bin/python -

The project's manage.py is run, since it may prepare sys.path and more; the management command it finds
is ours. The answer is one line of standard output, whatever the project prints besides:

    FAB_STATIC_PROBE {"ok": true, …}      or {"ok": false, "error": {"what", "where", "mend"}}

Requests: {"ask": "settings"}, {"ask": "sources"},
{"ask": "coverage", "manifest": path or null, "redirect": {path: path}, "texts": false}.

Python 3.8 or later, standard library, and the project's Django and django-compressor.
"""

# os.path throughout: finders, loaders and manifests give text, and redirect() deals in the calls of os.
# ruff: noqa: PTH100, PTH109, PTH113, PTH118, PTH119, PTH123

from __future__ import annotations

import builtins
import hashlib
import io
import json
import os
import re
import runpy
import sys
import traceback
from contextlib import suppress
from importlib import import_module, metadata
from typing import Any, Callable, Iterator, Mapping

MARKER = "FAB_STATIC_PROBE "
COMMAND = "fab_static_probe"
TEXT_LIMIT = 2000  # characters of a block shown

# What the bytes of a build, or the keys of compress blocks, may depend on.
LIBRARIES = (
    *(
        "django",
        "django-compressor",
        "django-appconf",
        "rcssmin",
        "rjsmin",
        "csscompressor",
        "calmjs.parse",
    ),
    *("beautifulsoup4", "lxml", "html5lib", "libsass", "django-libsass", "django-sass-processor"),
    *(
        "django-sekizai",
        "django-statici18n",
        "django-storages",
        "jinja2",
        "brotli",
        "whitenoise",
        "fab-static",
    ),
)

_EXTENDS = re.compile(r"""\{%-?\s*extends\s+["']([^"']+)["']""")
_COMPRESS = re.compile(r"\{%[-+]?\s*compress\s")


class ProbeError(Exception):
    """An expected failure: what, where, and how to mend it."""

    def __init__(self, what: str, where: str, mend: str) -> None:
        super().__init__(what)
        self.error = {"what": what, "where": where, "mend": mend}


# --- the project's manage.py ---------------------------------------------------------------------


def main() -> None:
    """Answer the request in the environment, and end the process: no thread of the project's keeps it."""
    out = os.dup(1)  # the project may replace sys.stdout
    answer: dict[str, Any]
    try:
        request = json.loads(os.environ.pop("FAB_STATIC_PROBE", "null"))
        if not isinstance(request, dict) or request.get("ask") not in ANSWERS:
            raise ProbeError(
                f"no such request: {request!r}",
                "FAB_STATIC_PROBE",
                "ask one of: " + ", ".join(ANSWERS),
            )
        redirect(request.get("redirect") or {})
        answer = {"ok": True}
        answer.update(in_project(lambda: ANSWERS[request["ask"]](request)))
    except ProbeError as error:
        answer = {"ok": False, "error": error.error}
    except BaseException as error:  # SystemExit of a manage.py too
        answer = {"ok": False, "error": told(error)}
    with suppress(Exception):
        sys.stdout.flush()
    line = "\n" + MARKER + json.dumps(answer, default=str) + "\n"
    with os.fdopen(out, "wb") as stream:
        stream.write(line.encode("ascii"))
    os._exit(0)


def in_project(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what `ask` returns when called as a management command of the project in this folder."""
    folder = os.getcwd()
    sys.path[:] = [folder] + [entry for entry in sys.path if entry not in ("", folder)]
    manage = os.path.join(folder, "manage.py")
    if not os.path.isfile(manage):
        raise ProbeError(
            "there is no manage.py",
            folder,
            "project.path must name the folder that holds manage.py",
        )
    try:
        from django.core.management import ManagementUtility
    except ImportError as error:
        raise ProbeError(
            f"{sys.executable} cannot import Django: {error}",
            folder,
            "project.python must name the interpreter of the project's virtual environment",
        ) from error

    answers: list[dict[str, Any]] = []

    class Command:
        def run_from_argv(self, _argv: list[str]) -> None:
            check_settings()
            answers.append(ask())

    fetch = ManagementUtility.fetch_command

    def fetch_command(self: ManagementUtility, subcommand: str) -> Any:
        return Command() if subcommand == COMMAND else fetch(self, subcommand)

    ManagementUtility.fetch_command = fetch_command  # type: ignore[method-assign]
    sys.argv = ["manage.py", COMMAND]
    try:
        runpy.run_path("manage.py", run_name="__main__")
    except SystemExit:
        if not answers:
            raise
    if not answers:
        raise ProbeError(
            "manage.py ran no management command",
            manage,
            "let it call django.core.management.execute_from_command_line(sys.argv)",
        )
    return answers[0]


def check_settings() -> None:
    """Say why the settings cannot be used, which Django keeps for itself until they are."""
    from django.conf import settings

    name = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    try:
        settings.INSTALLED_APPS  # noqa: B018  # imports the module
    except Exception as error:
        raise ProbeError(
            f"the settings {name} cannot be loaded: {type(error).__name__}: {error}",
            place_of(error),
            "run manage.py check there, with the same project.settings, environment and secrets",
        ) from error


def told(error: BaseException) -> dict[str, str]:
    """Return an unexpected failure of the project's own code in our three parts."""
    cause = error.__cause__ if isinstance(error, SystemExit) and error.__cause__ else error
    return {
        "what": f"{type(cause).__name__}: {cause}",
        "where": place_of(cause),
        "mend": "run manage.py check there, with the same project.settings, environment and secrets",
    }


def place_of(error: BaseException) -> str:
    """Return the file and line that an error comes from: the project's, rather than the library's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.isfile(frame.filename)
    ]
    own = [
        frame
        for frame in frames
        if os.path.abspath(frame.filename).startswith(os.getcwd() + os.sep)
        and "site-packages" not in frame.filename
        and os.path.basename(frame.filename) != "manage.py"
    ]
    for frame in reversed(own or frames):
        return f"{frame.filename}:{frame.lineno}"
    return os.getcwd()


def redirect(files: Mapping[str, str]) -> None:
    """Make every read of exactly these paths read the other file instead, however the project opens it.

    So a web host answers for a release that is not live yet, even where the project reads
    resource_versions.yml with code of its own.
    """
    if not files:
        return
    others = {real(path): other for path, other in files.items()}
    names = {os.path.basename(path) for path in others}

    def other_of(path: Any) -> Any:
        if isinstance(path, (str, bytes, os.PathLike)):
            text = os.fsdecode(path)
            if os.path.basename(text) in names:
                return others.get(real(text), path)
        return path

    def reading(
        function: Callable[..., Any], does_write: Callable[..., bool]
    ) -> Callable[..., Any]:
        def read(path: Any, *args: Any, **kwargs: Any) -> Any:
            is_other = kwargs.get("dir_fd") is None and not does_write(*args, **kwargs)
            return function(other_of(path) if is_other else path, *args, **kwargs)

        return read

    def opens_to_write(mode: str = "r", *_: Any, **__: Any) -> bool:
        return not set(mode).isdisjoint("wax+")

    def flags_to_write(flags: int, *_: Any, **__: Any) -> bool:
        return bool(flags & (os.O_WRONLY | os.O_RDWR))

    def never(*_: Any, **__: Any) -> bool:
        return False

    opened = reading(builtins.open, opens_to_write)
    builtins.open = io.open = opened
    os.open = reading(os.open, flags_to_write)
    os.stat = reading(os.stat, never)
    os.lstat = reading(os.lstat, never)
    os.access = reading(os.access, never)
    pathlib = sys.modules.get("pathlib")
    for accessor in (
        "_NormalAccessor",
        "_normal_accessor",
    ):  # Python 3.8 and 3.9 keep functions of os here
        held = getattr(pathlib, accessor, None)
        if held is not None:
            for name in ("stat", "lstat", "open"):
                with suppress(AttributeError, TypeError):
                    setattr(
                        held,
                        name,
                        staticmethod(getattr(os, name))
                        if isinstance(held, type)
                        else getattr(os, name),
                    )


def real(path: str) -> str:
    """Return the path with links in its folders followed, but not a link that it is itself."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


# --- ask: settings -------------------------------------------------------------------------------


def ask_settings(_: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a deploy needs of the settings."""
    import django
    from django.conf import settings
    from django.core.management import get_commands

    compress = compress_settings()
    return {
        "django": django.get_version(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "compressor": version_of("django-compressor") if compress else None,
        "static_root": absolute(settings.STATIC_ROOT),
        "static_url": str(settings.STATIC_URL) if settings.STATIC_URL else None,
        "static_cdn": str(getattr(settings, "STATIC_CDN", "") or ""),
        "base_dir": absolute(base_dir()),
        "installed_apps": list(settings.INSTALLED_APPS),
        "commands": {
            name: app if isinstance(app, str) else type(app).__module__
            for name, app in get_commands().items()
        },
        "compress": compress,
        "offline_manifest": manifest_path(compress) if compress else None,
        "resource_versions": resource_versions_path(),
        "staticfiles_dirs": [
            absolute(entry[1] if isinstance(entry, (list, tuple)) else entry)
            for entry in settings.STATICFILES_DIRS
        ],
        "libraries": libraries(),
    }


def compress_settings() -> dict[str, Any] | None:
    """Return django-compressor's settings, its defaults applied; None where it is not used."""
    from django.apps import apps

    if not apps.is_installed("compressor"):
        return None
    from compressor.conf import settings

    return {
        "root": absolute(settings.COMPRESS_ROOT),
        "output_dir": settings.COMPRESS_OUTPUT_DIR,
        # a setting since django-compressor 2.2; its name was fixed before
        "manifest_name": getattr(settings, "COMPRESS_OFFLINE_MANIFEST", "manifest.json"),
        "url": str(settings.COMPRESS_URL),
        "enabled": bool(settings.COMPRESS_ENABLED),
        "offline": bool(settings.COMPRESS_OFFLINE),
        "css_hashing_method": settings.COMPRESS_CSS_HASHING_METHOD,
    }


def manifest_path(compress: Mapping[str, Any]) -> str:
    """Return where compressor reads its offline manifest: its storage's word, where it has one."""
    try:
        from compressor.storage import default_offline_manifest_storage as storage

        return str(os.path.abspath(storage.path(compress["manifest_name"])))
    except (ImportError, NotImplementedError, AttributeError):
        return str(
            os.path.join(compress["root"], compress["output_dir"], compress["manifest_name"])
        )


def resource_versions_path() -> str:
    """Return the versions file, as fab_static.django_app.resource_versions.path() does."""
    from django.conf import settings

    folder = os.getcwd()
    named = getattr(settings, "FAB_STATIC_VERSIONS_FILE", None)
    if named:
        return os.path.join(folder, os.fspath(named))
    folders = [folder, base_dir() or folder]
    for each in folders:
        for name in ("resource_versions.yml", "resource_versions.yaml"):
            if os.path.lexists(os.path.join(each, name)):
                return os.path.join(each, name)
    return os.path.join(folders[-1], "resource_versions.yml")


def base_dir() -> str | None:
    """Return the setting BASE_DIR, or FILEPATH of older projects."""
    from django.conf import settings

    return absolute(getattr(settings, "BASE_DIR", None) or getattr(settings, "FILEPATH", None))


def absolute(path: Any) -> str | None:
    """Return an absolute path, or None for none."""
    return os.path.abspath(os.fspath(path)) if path else None


def version_of(distribution: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def libraries() -> dict[str, str]:
    """Return the versions of the libraries that a build depends on, those that are installed."""
    versions = {name: version_of(name) for name in LIBRARIES}
    return {name: version for name, version in versions.items() if version is not None}


# --- ask: sources --------------------------------------------------------------------------------


def ask_sources(_: Mapping[str, Any]) -> dict[str, Any]:
    """Return {name: [SHA-256, size]} of what collectstatic would collect now."""
    from django.apps import apps
    from django.contrib.staticfiles.finders import get_finders

    if not apps.is_installed("django.contrib.staticfiles"):
        raise ProbeError(
            "django.contrib.staticfiles is not installed",
            "settings " + os.environ.get("DJANGO_SETTINGS_MODULE", ""),
            "add it to INSTALLED_APPS",
        )
    config: Any = apps.get_app_config("staticfiles")
    ignore = [os.path.normpath(pattern) for pattern in config.ignore_patterns]
    files: dict[str, tuple[str, int]] = {}
    for finder in get_finders():
        for path, storage in finder.list(ignore):
            prefix = getattr(storage, "prefix", None)
            name = (os.path.join(prefix, path) if prefix else path).replace("\\", "/")
            if name not in files:  # collectstatic takes the first
                files[name] = hashed(storage, path)
    return {"files": files}


def hashed(storage: Any, path: str) -> tuple[str, int]:
    """Return the SHA-256 and the size of a storage's file."""
    digest = hashlib.sha256()
    size = 0
    try:
        stream = open(storage.path(path), "rb")  # noqa: SIM115
    except NotImplementedError:
        stream = storage.open(path, "rb")
    with stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


# --- ask: coverage -------------------------------------------------------------------------------


def ask_coverage(request: Mapping[str, Any]) -> dict[str, Any]:
    """Render every compress block as compressor does, and look its key up in the offline manifest.

    compress itself cannot be trusted with it: an error while a block is rendered for its key is lost
    in its thread pool, templates that do not parse are skipped, and it ends with 0 all the same.
    """
    coverage = Coverage(bool(request.get("texts")))
    compress = compress_settings()
    if compress:
        manifest = offline_manifest(request.get("manifest"))
        contexts = offline_contexts()
        for engine in engines():
            coverage.walk(engine, contexts, manifest)
    return {
        "templates": coverage.templates,
        "blocks": coverage.blocks,
        "keys": len(coverage.keys),
        "missing": coverage.missing,
        "failed": coverage.failed,
        "broken": coverage.broken,
        "texts": coverage.texts,
        "compress": compress,
        "libraries": libraries(),
    }


class Engine:
    """One template language: its templates, and compressor's offline parser for it."""

    def __init__(self, parser: Any, names: list[str], source: Callable[[str], str]) -> None:
        self.parser = parser
        self.names = names
        self.source = source

    def has_compress(self, name: str, seen: tuple[str, ...] = ()) -> bool:
        """Does the template's text, or that of one it extends, hold a compress block?"""
        try:
            text = self.source(name)
        except Exception:  # a missing parent holds nothing
            return False
        if _COMPRESS.search(text):
            return True
        return any(
            self.has_compress(parent, (*seen, name))
            for parent in _EXTENDS.findall(text)
            if parent not in (*seen, name)
        )


class Coverage:
    """What the walk found."""

    def __init__(self, keeps_texts: bool) -> None:
        self.keeps_texts = keeps_texts
        self.templates = 0
        self.blocks = 0
        self.keys: dict[str, bool] = {}
        self.missing: list[dict[str, Any]] = []
        self.failed: list[dict[str, Any]] = []
        self.broken: list[dict[str, Any]] = []
        self.texts: dict[str, str] = {}

    def walk(self, engine: Engine, contexts: list[Any], manifest: Mapping[str, Any]) -> None:
        """Walk all templates of one engine."""
        for name in engine.names:
            try:
                template = engine.parser.parse(name)
                template.template_name = name
            except Exception as error:  # tags of the project raise what they like
                self.is_broken(engine, name, error)
                continue
            self.templates += 1
            for values in contexts:
                try:
                    self.walk_template(engine, name, template, values, manifest)
                except Exception as error:
                    self.is_broken(engine, name, error)
                    break

    def walk_template(
        self, engine: Engine, name: str, template: Any, values: Any, manifest: Mapping[str, Any]
    ) -> None:
        """Look up each block of a template in one offline context."""
        from compressor.cache import get_offline_hexdigest
        from django.template import Context

        parser = engine.parser
        context = Context(parser.get_init_context(values))
        for at, node in enumerate(list(parser.walk_nodes(template, context=context))):
            self.blocks += 1
            context.push()
            place = {
                "template": name,
                "block": at,
                "line": line_of(node),
                "in": origin_of(node) or name,
            }
            try:
                if not parser.process_template(template, context):
                    continue
                parser.process_node(template, context, node)
                text = parser.render_nodelist(template, context, node)
                key = get_offline_hexdigest(text)
            except Exception as error:  # what a page would answer 500 with
                failure = dict(place, error=f"{type(error).__name__}: {error}")
                if failure not in self.failed:
                    self.failed.append(failure)
                continue
            finally:
                context.pop()
            if self.keeps_texts:
                self.texts[key] = text[:TEXT_LIMIT]
            if key not in self.keys and key not in manifest:
                self.missing.append(dict(place, key=key, text=text[:TEXT_LIMIT]))
            self.keys[key] = True

    def is_broken(self, engine: Engine, name: str, error: Exception) -> None:
        """Note a template that cannot be parsed, with whether that matters."""
        self.broken.append(
            {
                "template": name,
                "error": f"{type(error).__name__}: {error}",
                "has_compress": engine.has_compress(name),
            }
        )


def offline_manifest(path: str | None) -> dict[str, Any]:
    """Return the manifest in a file, or the one that this project's pages would read."""
    from compressor.cache import get_offline_manifest

    try:
        if path is None:
            return dict(get_offline_manifest())
        with open(path, encoding="utf-8") as stream:
            return dict(json.load(stream))
    except (OSError, ValueError, TypeError) as error:
        raise ProbeError(
            f"the offline manifest cannot be read: {error}",
            path or "the project's own",
            "build it again: manage.py compress",
        ) from error


def offline_contexts() -> list[Any]:
    """Return COMPRESS_OFFLINE_CONTEXT as a list, read as compress reads it."""
    from compressor.conf import settings

    contexts = settings.COMPRESS_OFFLINE_CONTEXT
    if isinstance(contexts, str):
        module, _, function = contexts.rpartition(".")
        try:
            contexts = getattr(import_module(module), function)()
        except Exception as error:
            raise ProbeError(
                f"COMPRESS_OFFLINE_CONTEXT failed: {type(error).__name__}: {error}",
                contexts,
                "correct that function: compress needs it too",
            ) from error
        return list(contexts)
    return list(contexts) if isinstance(contexts, (list, tuple)) else [contexts]


def engines() -> Iterator[Engine]:
    """Yield the template languages of the project that compressor knows."""
    from compressor.conf import settings
    from compressor.offline.django import DjangoParser
    from django.template import engines as backends

    charset = getattr(settings, "FILE_CHARSET", None) or "utf-8"
    loaders: list[Any] = []
    for backend in backends.all():
        if hasattr(backend, "engine"):
            loaders += unwrapped(backend.engine.template_loaders)
    names = sorted({name for loader in loaders for name in names_of(loader)})

    def source(name: str) -> str:
        for loader in loaders:
            for origin in loader.get_template_sources(name):
                with suppress(Exception):
                    return str(loader.get_contents(origin))
        raise LookupError(name)

    yield Engine(
        DjangoParser(charset=charset), [name for name in names if is_walked(name, source)], source
    )

    try:
        environment = settings.COMPRESS_JINJA2_GET_ENVIRONMENT()
        from compressor.offline.jinja2 import Jinja2Parser
    except Exception:  # the project has no Jinja2, as most
        return
    if environment and environment.loader and Jinja2Parser.COMPRESSOR_ID in environment.extensions:
        loader = environment.loader
        files = {}
        for name in environment.list_templates():
            with suppress(Exception):
                text, file, _ = loader.get_source(environment, name)
                if file and (is_page(name) or _COMPRESS.search(text)):
                    files[file] = text
        yield Engine(
            Jinja2Parser(charset=charset, env=environment), sorted(files), files.__getitem__
        )


def is_walked(name: str, source: Callable[[str], str]) -> bool:
    """Is it a page, for compress by its name, or else a template that may ask for a compress block?"""
    if is_page(name):
        return True
    try:
        text = source(name)
    except LookupError:
        return False
    return bool(_COMPRESS.search(text) or _EXTENDS.search(text))


def is_page(name: str) -> bool:
    """Is it one of the files that compress looks at when it is not told otherwise?"""
    return name.endswith(".html")


def unwrapped(loaders: list[Any]) -> list[Any]:
    """Return loaders with those that a cached loader wraps."""
    return [
        inner
        for loader in loaders
        for inner in (unwrapped(loader.loaders) if hasattr(loader, "loaders") else [loader])
    ]


def names_of(loader: Any) -> Iterator[str]:
    """Yield the names of all templates of a loader, as compress lists them."""
    if hasattr(loader, "templates_dict"):
        yield from loader.templates_dict
        return
    try:
        folders = [str(origin) for origin in loader.get_template_sources("")]
    except Exception:  # a loader without folders
        return
    for folder in folders:
        for parent, _, files in os.walk(folder):
            for name in files:
                if not name.startswith(".") and not name.endswith((".py", ".pyc")):
                    yield os.path.relpath(os.path.join(parent, name), folder).replace("\\", "/")


def line_of(node: Any) -> int | None:
    """Return the line of a block, in the template that it stands in."""
    token = getattr(node, "token", None)
    return getattr(token, "lineno", None) or getattr(node, "lineno", None)


def origin_of(node: Any) -> str | None:
    """Return the name of the template that a block stands in: often one that the page extends."""
    return getattr(getattr(node, "origin", None), "template_name", None)


ANSWERS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "settings": ask_settings,
    "sources": ask_sources,
    "coverage": ask_coverage,
}

if __name__ == "__main__":
    main()
