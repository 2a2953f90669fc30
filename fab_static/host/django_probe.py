"""Asks a Django project, in its own interpreter, what a deploy must know. Nothing is installed there.

Sent on standard input, in the project's folder, which holds manage.py:

    DJANGO_SETTINGS_MODULE=shop.settings FAB_STATIC_PROBE='{"ask": "settings"}' .venv/bin/python -

The project's manage.py is run, since it may prepare sys.path and more; the management command it finds
is ours. The answer is one line of standard output, whatever the project prints besides:

    FAB_STATIC_PROBE {"ok": true, …}      or {"ok": false, "error": {"what", "where", "mend"}}

Requests: {"ask": "settings"}, {"ask": "sources", "words": of collectstatic's command, or null, "places": false},
{"ask": "shadowed"}, {"ask": "find", "name": "js/a.js"}, {"ask": "unlisted"}, {"ask": "faults", "words"},
{"ask": "collected", "words"},
{"ask": "lint"}, {"ask": "coverage", "manifest": path or null, "redirect": {path: path}, "texts": false,
"places": false, "made": false, "other_cdn": a prefix, or null: says which blocks and files would not serve
behind it}.
For `lint` the module template_lint is sent along, and stands in sys.modules.

Python 3.8 or later, standard library, and the project's Django and django-compressor.
"""

# os.path throughout: finders, loaders and manifests give text, and redirect() deals in the calls of os.
# ruff: noqa: PTH100, PTH109, PTH110, PTH112, PTH113, PTH114, PTH117, PTH118, PTH119, PTH120, PTH122, PTH123
# ruff: noqa: PTH116, PTH208

from __future__ import annotations

import builtins
import hashlib
import io
import json
import os
import re
import runpy
import stat
import sys
import traceback
from contextlib import contextmanager, suppress
from importlib import import_module, metadata
from typing import Any, Callable, Dict, Iterator, Mapping, cast

MARKER = "FAB_STATIC_PROBE "
COMMAND = "fab_static_probe"
TEXT_LIMIT = 20_000  # characters of a block told

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
_MAY_EXTEND = re.compile(r"\{%-?\s*extends\s")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of an object, in its repr
_COMPRESS = re.compile(r"\{%[-+]?\s*compress\s")
_HANDED = re.compile(r"""\s(?:post|pre)processor\s+["']?([\w.]+)""")  # django-sekizai


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
    if answer["ok"]:
        sys.audit("fab_static.end", json.dumps(answer, default=str))
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
            f"the settings {name} cannot be loaded: {in_words(error)}",
            place_of(error),
            "run manage.py check there, with the same project.settings, environment and secrets",
        ) from error


def told(error: BaseException) -> dict[str, str]:
    """Return an unexpected failure of the project's own code in our three parts."""
    cause = error.__cause__ if isinstance(error, SystemExit) and error.__cause__ else error
    return {
        "what": in_words(cause),
        "where": place_of(cause),
        "mend": "correct the project, then run the task again; what is live has not changed",
    }


def in_words(error: BaseException) -> str:
    """Return an exception as the last line of a traceback does, with what it came from."""
    words = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    if (
        isinstance(error, KeyError)
        and frames
        and frames[-1].filename in (os.__file__, "<frozen os>")
    ):
        words += ": the environment has no such variable"
    if error.__cause__ is not None:
        words += f"; because of {in_words(error.__cause__)}"
    return words


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


_others: dict[str, str] = {}  # real path -> what is read in its place
_names: set[str] = set()  # of these
_is_redirectable = False


def redirect(files: Mapping[str, str]) -> None:
    """Make every read of exactly these paths read the other file instead, however the project opens it.

    So a web host answers for a release that is not live yet, even where the project reads
    resource_versions.yml with code of its own.
    """
    if files:
        make_redirectable()
        _others.update((real(path), other) for path, other in files.items())
        _names.update(map(os.path.basename, _others))


def make_redirectable() -> None:
    """Replace what opens files and looks at them, so that redirect() counts for those too who keep the functions."""
    global _is_redirectable  # of the interpreter as a whole
    if _is_redirectable:
        return
    _is_redirectable = True

    builtins.open = io.open = cast(Any, Redirectable(builtins.open, "file", "mode"))
    os.open = Redirectable(os.open, "path", "flags")
    for name in ("stat", "lstat", "access"):
        setattr(os, name, Redirectable(getattr(os, name), "path"))
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


class Redirectable:
    """A function that opens a file or looks at it, and is shown another in place of some.

    No function itself: where a class keeps it, it must not become a method, as builtin ones do not either.
    """

    def __init__(self, function: Callable[..., Any], path: str, mode: str | None = None) -> None:
        self._function = function
        self._path, self._mode = path, mode  # the parameters: its path, and how it is opened
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        for group in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if function in group:  # shutil asks whether it can do that
                group.add(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Do what the function does."""
        if _names:
            args, kwargs = self._shown(args, kwargs)
        return self._function(*args, **kwargs)

    def _shown(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given: dict[Any, Any] = {**dict(zip((self._path, self._mode), args)), **kwargs}
        writes = self._mode is not None and is_to_write(given.get(self._mode))
        if writes or given.get("dir_fd") is not None:
            return args, kwargs
        other = other_of(given.get(self._path))
        return ((other, *args[1:]), kwargs) if args else (args, {**kwargs, self._path: other})


def is_to_write(mode: Any) -> bool:
    """Tell of what open() or os.open() is given whether the file may be written to."""
    if isinstance(mode, int):
        return bool(mode & (os.O_WRONLY | os.O_RDWR))
    return isinstance(mode, str) and not set(mode).isdisjoint("wax+")


def other_of(path: Any) -> Any:
    """Return the path of what is read in place of a file; its own for all but a few."""
    if isinstance(path, (str, bytes, os.PathLike)):
        text = os.fsdecode(path)
        if os.path.basename(text) in _names:
            return _others.get(real(text), path)
    return path


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
        "cdn_independent": is_cdn_independent(),
        "static_cdn": str(getattr(settings, "STATIC_CDN", "") or ""),
        "folder": os.getcwd(),
        "base_dir": absolute(base_dir()),
        "installed_apps": list(settings.INSTALLED_APPS),
        "commands": {
            name: app if isinstance(app, str) else type(app).__module__
            for name, app in get_commands().items()
        },
        "compress": compress,
        "baked_in": baked_in(compress),
        "offline_manifest": manifest_path(compress) if compress else None,
        "staticfiles_manifest": staticfiles_manifest(),
        "prints_hashed_names": prints_hashed_names(),
        **resource_versions(),
        "storage": static_storage(),
        "ignored_storage": ignored_storage(),
        "finders": list(settings.STATICFILES_FINDERS),
        **source_places(),
        "real_sources": sorted(map(os.path.realpath, source_places()["sources"])),
        "catalogues_are_sources": catalogues_are_sources(),
        "held": held_places(),
        "catalogues": catalogues(),
        "libraries": libraries(),
    }


def is_cdn_independent() -> bool:
    """Does the project say that its builds know no CDN? It is fab_static.django_app's setting."""
    from django.apps import apps
    from django.conf import settings

    return apps.is_installed("fab_static.django_app") and not getattr(
        settings, "FAB_STATIC_CDN_IN_BLOCKS", True
    )


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


def baked_in(compress: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the settings that may stand in a rendered block, and so in its key, or in a file built."""
    from django.conf import settings

    found = {
        name: getattr(settings, name, None)
        for name in ("STATIC_URL", "STATIC_CDN", "DEBUG", "LANGUAGE_CODE", "USE_I18N")
    }
    if compress:
        names = ("COMPRESS_URL", "COMPRESS_OUTPUT_DIR", "COMPRESS_OFFLINE_CONTEXT")
        found.update((name, getattr(settings, name, None)) for name in names)
    # the context may hold anything, and may hold secrets: only whether it is the same is told
    return {
        name: value
        if isinstance(value, (bool, type(None)))
        else hashlib.sha256(_ADDRESS.sub("", repr(value)).encode()).hexdigest()[:12]
        if isinstance(value, (dict, list, tuple))
        else str(value)
        for name, value in found.items()
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


def staticfiles_manifest() -> str | None:
    """Return where Django's ManifestStaticFilesStorage keeps its manifest; None for other storages."""
    from django.contrib.staticfiles.storage import staticfiles_storage

    storage: Any = staticfiles_storage
    try:
        # a storage of its own since Django 4.0
        keeper = getattr(storage, "manifest_storage", storage)
        return str(os.path.abspath(keeper.path(storage.manifest_name)))
    except Exception:  # another storage, or one that is not configured here
        return None


def prints_hashed_names() -> str | None:
    """Return the storage that raises for a name its manifest lacks; None where pages need no manifest."""
    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage

    storage: Any = staticfiles_storage
    try:
        if settings.DEBUG:  # then Django's storage prints plain names
            return None
        if storage.manifest_name and storage.manifest_strict:
            return f"{type(storage._wrapped).__module__}.{type(storage._wrapped).__qualname__}"
    except Exception:  # another storage, or one that is not configured here
        return None
    return None


def resource_versions() -> dict[str, Any]:
    """Return the versions file, as fab_static.django_app.resource_versions.path() does.

    Where nothing names it and none is there yet (`is_versions_file_known`), it will be one of
    `versions_files`: CommCare HQ's own commands write a .yaml.
    """
    from django.conf import settings

    folder = os.getcwd()
    named = getattr(settings, "FAB_STATIC_VERSIONS_FILE", None)
    if named:
        files = there = [os.path.join(folder, os.fspath(named))]
    else:
        folders = list(dict.fromkeys([folder, base_dir() or folder]))
        names = ("resource_versions.yml", "resource_versions.yaml")
        files = [os.path.join(each, name) for each in folders for name in names]
        there = [path for path in files if os.path.lexists(path)]
    return {
        "resource_versions": there[0] if there else files[-2],
        "is_versions_file_known": bool(there),
        "versions_files": files,
    }


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


def ask_sources(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return {name: [SHA-256, size]} of what collectstatic would collect now; `words` are its own, or null.

    With `places`, each file has its real path too; `below` is where in the static root the files are kept, and
    `unjudged` says why collectstatic may leave some out, or may make others of them.
    """
    patterns, unjudged = collecting_options(request.get("words"))
    files: dict[str, tuple[Any, ...]] = {}
    with sources_looked_through(patterns):
        for name, path, storage in collected(patterns):
            if name not in files:  # collectstatic takes the first
                files[name] = hashed(storage, path)
                if request.get("places"):
                    files[name] += (os.path.realpath(place_in(storage, path)),)
    if not request.get("places"):
        return {"files": files}
    return {"files": files, "below": place_below_root(), "unjudged": unjudged or unjudged_storage()}


def place_below_root() -> str:
    """Return where in the static root the storage keeps its files: "" or a path that ends with a slash."""
    from django.conf import settings

    root, folder = absolute(settings.STATIC_ROOT), static_storage()["folder"]
    if not root or not folder:
        return ""
    below = os.path.relpath(os.path.realpath(folder), os.path.realpath(root))
    return "" if below == "." else below + "/"


def ask_shadowed(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return {name: [the file that is collected, those of other bytes that are not]}; `words` as of sources."""
    hits: dict[str, list[tuple[Any, str]]] = {}
    patterns, _ = collecting_options(request.get("words"))
    with sources_looked_through(patterns):
        for name, path, storage in collected(patterns):
            hits.setdefault(name, []).append((storage, path))
    shadowed = {}
    for name, (first, *others) in hits.items():
        if others:
            content = hashed(*first)
            places = [place_in(*hit) for hit in others if hashed(*hit) != content]
            if places:
                shadowed[name] = [place_in(*first), *places]
    return {"shadowed": shadowed}


def place_in(storage: Any, path: str) -> str:
    """Return where a storage has a file: its path, where it has one."""
    try:
        return str(storage.path(path))
    except NotImplementedError:
        return f"{type(storage).__name__}: {path}"


def collected(patterns: list[str] | None = None) -> Iterator[tuple[str, str, Any]]:
    """Yield name, path and storage of every file that collectstatic meets, the one it collects first.

    Args:
        patterns: what it leaves out; None: what it leaves out when nothing more is asked.
    """
    from django.apps import apps
    from django.contrib.staticfiles.finders import get_finders

    if not apps.is_installed("django.contrib.staticfiles"):
        raise ProbeError(
            "django.contrib.staticfiles is not installed",
            "settings " + os.environ.get("DJANGO_SETTINGS_MODULE", ""),
            "add it to INSTALLED_APPS",
        )
    if patterns is None:
        patterns = default_patterns()
    ignore = list({os.path.normpath(pattern) for pattern in patterns})
    for finder in get_finders():
        for path, storage in finder.list(ignore):
            prefix = getattr(storage, "prefix", None)
            yield (os.path.join(prefix, path) if prefix else path).replace("\\", "/"), path, storage


def default_patterns() -> list[str]:
    """Return what collectstatic leaves out when it is not asked otherwise."""
    from django.apps import apps

    config: Any = apps.get_app_config("staticfiles")
    return list(config.ignore_patterns)


def hashed(storage: Any, path: str) -> tuple[str, int]:
    """Return the SHA-256 and the size of a storage's file."""
    digest = hashlib.sha256()
    size = 0
    try:
        file = storage.path(path)
        if stat.S_ISFIFO(os.stat(file).st_mode):  # to open one waits for whoever writes it
            raise OSError(f"{file} is a pipe")
        stream = open(file, "rb")  # noqa: SIM115
    except NotImplementedError:
        stream = storage.open(path, "rb")
    with stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


def ask_find(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the source files of this name: collectstatic takes the first, the others are shadowed."""
    found: list[str] = []
    for name, path, storage in collected():
        if name == request["name"]:
            with suppress(NotImplementedError):
                found.append(str(storage.path(path)))
    return {"found": found}


# --- the static root: what it must not be, and what it should hold --------------------------------

_FINDERS = "django.contrib.staticfiles.finders"
_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_BYTES = 1024  # more than any pointer has (git-lfs, docs/spec.md)
_PLACEHOLDERS = (".gitkeep", ".gitignore", ".keep")
_COPIES = (".gz", ".br", ".zst", ".map")
_HASH = re.compile(r"\.[0-9a-f]{12}(?=\.[^./]*$|$)")  # django.contrib.staticfiles.storage.file_hash
_NAMES_TOLD = 5000
_WRITTEN = (
    *("MEDIA_ROOT", "SESSION_FILE_PATH", "FILE_UPLOAD_TEMP_DIR", "EMAIL_FILE_PATH"),
    *("PRIVATE_STORAGE_ROOT", "SENDFILE_ROOT"),  # of django-private-storage, of django-sendfile2
)


def static_storage() -> dict[str, Any]:
    """Return the staticfiles storage's class, and the folder that it writes; None: no folder of this machine."""
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.exceptions import ImproperlyConfigured

    found: dict[str, Any] = {"class": None, "folder": None, "error": None}
    try:
        kind: type = staticfiles_storage.__class__
    except (ImportError, ImproperlyConfigured) as error:
        return {**found, "error": f"{type(error).__name__}: {error}"}
    except Exception:  # a manifest that cannot be read, say: the build writes it anew
        return found
    found["class"] = f"{kind.__module__}.{kind.__qualname__}"
    if is_in_memory(kind):  # it has paths, and nothing on the disk
        return found
    # django-compressor's documentation has storages that keep a copy here and send one away
    for keeper in (staticfiles_storage, getattr(staticfiles_storage, "local_storage", None)):
        with suppress(Exception):
            found["folder"] = absolute(cast(Any, keeper).path(""))
            break
    return found


def is_in_memory(kind: type) -> bool:
    """Is it a storage that keeps its files in memory, or made of one?"""
    try:
        from django.core.files.storage import InMemoryStorage
    except ImportError:  # Django 4.1 and older have none
        return False
    return issubclass(kind, InMemoryStorage)


def ignored_storage() -> str | None:
    """Return the setting STATICFILES_STORAGE where this Django does not read it any more."""
    import django
    from django.conf import settings

    return getattr(settings, "STATICFILES_STORAGE", None) if django.VERSION >= (5, 1) else None


def source_places() -> dict[str, Any]:
    """Return `sources`, the folders that finders read: path -> whose it is; and why that is not all, if it is not."""
    from django.contrib.staticfiles.finders import get_finders

    places: dict[str, str] = {}
    try:
        for finder in get_finders():
            name = f"{type(finder).__module__}.{type(finder).__qualname__}"
            if type(finder).__module__ == _FINDERS:
                name = type(finder).__qualname__
            for path, setting in places_of(finder):
                places.setdefault(path, f"{name} ({setting})" if setting else name)
    except Exception as error:  # on a web host its sources may be missing
        return {"sources": places, "sources_unknown": f"{type(error).__name__}: {error}"}
    return {"sources": places, "sources_unknown": None}


def places_of(finder: Any) -> Iterator[tuple[str, str]]:
    """Yield each folder that a finder reads, with the setting that names it. An app's counts before it is there."""
    if getattr(type(finder).list, "__module__", "") != _FINDERS:
        # it may list nothing of its storages, as compressor's does, whose storage is the static root
        storages = {id(storage): storage for _, storage in finder.list([])}
        found = [(folder_of(storage), "") for storage in storages.values()]
    else:
        found = [
            (absolute(path), "STATICFILES_DIRS") for _, path in getattr(finder, "locations", ())
        ]
        if hasattr(finder, "source_dir"):
            found += [
                (os.path.join(folder, finder.source_dir), f"the app {app}")
                for app, folder in own_apps()
            ]
        if hasattr(finder, "storage"):
            found.append((folder_of(finder.storage), ""))
    for path, setting in found:
        if path:
            yield path, setting


def folder_of(storage: Any) -> str | None:
    """Return the folder of a storage; None where it keeps its files elsewhere than on disk."""
    try:
        return absolute(storage.path(""))
    except Exception:  # not implemented, or not configured
        return None


def own_apps() -> list[tuple[str, str]]:
    """Return name and folder of every app outside the interpreter's own folders."""
    from django.apps import apps

    installed = os.path.join(sys.prefix, "lib", "")
    found = [(config.label, os.path.abspath(config.path)) for config in apps.get_app_configs()]
    return [(label, path) for label, path in found if not path.startswith(installed)]


def held_places() -> dict[str, str]:
    """Return what lies in folders that hold more than collected files: what it is -> its path."""
    from django.conf import settings

    places: dict[str, Any] = {
        "BASE_DIR": base_dir(),
        "the libraries of the project's Python": os.path.join(sys.prefix, "lib"),
    }
    for folder in dict.fromkeys((os.getcwd(), base_dir() or os.getcwd())):
        for name in ("node_modules", ".git", "manage.py"):
            places[f"{name} of {folder}"] = os.path.join(folder, name)
    for app, folder in own_apps():
        places[f"the app {app}"] = folder
        places[f"the templates of {app}"] = os.path.join(folder, "templates")
        places[f"the translations of {app}"] = os.path.join(folder, "locale")
    named = [("LOCALE_PATHS", path) for path in settings.LOCALE_PATHS]
    named += [("FIXTURE_DIRS", path) for path in settings.FIXTURE_DIRS]
    named += [
        ("DATABASES", database.get("NAME"))
        for database in settings.DATABASES.values()
        if is_in_a_file(database.get("ENGINE"), database.get("NAME"))
    ]
    named += [("TEMPLATES", path) for each in settings.TEMPLATES for path in each.get("DIRS") or ()]
    places.update((f"{setting} {absolute(path)}", absolute(path)) for setting, path in named)
    places.update(written_places())
    return {name: path for name, path in places.items() if path}


def written_places() -> Iterator[tuple[str, str]]:
    """Yield the files and folders that the running site writes: the setting that names it, and its path."""
    from django.conf import settings

    named = [(setting, getattr(settings, setting, None)) for setting in _WRITTEN]
    for alias, cache in settings.CACHES.items():
        location = cache.get("LOCATION")
        if is_in_a_file(cache.get("BACKEND"), location):
            named.append((f'CACHES["{alias}"]', location))
    for name, handler in ((settings.LOGGING or {}).get("handlers") or {}).items():
        named.append((f'LOGGING (the handler "{name}")', handler.get("filename")))
    for setting, path in named:
        if path and isinstance(path, (str, os.PathLike)):
            yield setting, os.path.abspath(os.fspath(path))
    for setting, storage in other_storages():
        folder = folder_of(storage)
        if folder:
            yield setting, folder


def is_in_a_file(kind: Any, place: Any) -> bool:
    """Does a database or a cache keep what it has in a file? Its place may be a URL that holds a password."""
    if not isinstance(place, (str, os.PathLike)) or place == ":memory:":
        return False
    return os.path.isabs(place) or any(word in str(kind) for word in ("lite", "filebased"))


def other_storages() -> Iterator[tuple[str, Any]]:
    """Yield the storages that are not filled by a build, with the setting that names each."""
    from django.contrib.staticfiles.storage import StaticFilesStorage
    from django.core.files import storage as module

    handler: Any = getattr(module, "storages", None)  # since Django 4.2
    if handler is None:
        yield "DEFAULT_FILE_STORAGE", module.default_storage
        return
    for alias in list(handler.backends):
        with suppress(Exception):  # not configured here
            storage = handler[alias]
            is_built = isinstance(storage, StaticFilesStorage) or any(
                kind.__module__ == "compressor.storage" for kind in type(storage).__mro__
            )
            if alias != "staticfiles" and not is_built:
                yield f'STORAGES["{alias}"]', storage


def catalogues() -> str | None:
    """Return the folder into which django-statici18n writes its catalogues; None where it is not used."""
    from django.apps import apps

    if not apps.is_installed("statici18n"):
        return None
    from statici18n.conf import settings

    return absolute(os.path.join(settings.STATICI18N_ROOT or "", settings.STATICI18N_OUTPUT_DIR))


def catalogues_are_sources() -> bool:
    """Does django-statici18n write its catalogues into a folder that finders read?"""
    from django.conf import settings

    folder = catalogues()
    root = absolute(settings.STATIC_ROOT)
    if not folder or not root or is_below(folder, root):
        return False
    # not of the folder itself: it comes with the first build, and the answer is asked for once
    real = os.path.join(os.path.realpath(os.path.dirname(folder)), os.path.basename(folder))
    places = source_places()["sources"]
    return any(is_below(each, os.path.realpath(path)) for path in places for each in (folder, real))


def is_below(path: str, folder: str) -> bool:
    """Is it the folder, or in it?"""
    return os.path.commonpath((path, folder)) == folder


def ask_unlisted(_: Mapping[str, Any]) -> dict[str, Any]:
    """Return which files in the static root git tracks, and which neither finders list nor libraries write."""
    from django.conf import settings

    root = os.path.realpath(absolute(settings.STATIC_ROOT) or "")
    with sources_looked_through(None):
        listed = {name for name, _, _ in collected()}
    is_made = made_in(root)
    return {
        "tracked": [name for name in git_lines(root, "ls-files", "-z") if not is_placeholder(name)],
        "unlisted": [
            name
            for name in files_below(root)
            if not (is_listed(name, listed) or is_made(name) or is_placeholder(name))
        ],
    }


def made_in(root: str) -> Callable[[str], bool]:
    """Return what tells whether a file below the static root has a name that Django or a library gives.

    No folder counts as a whole: COMPRESS_OUTPUT_DIR may name one that holds other files too.
    """
    manifests = {"staticfiles.json"}
    place = staticfiles_manifest()
    if place:
        manifests.add(os.path.relpath(os.path.realpath(place), root))
    patterns = []
    folder = catalogues()
    if folder:
        folder = os.path.relpath(os.path.realpath(folder), root)
        # the languages' folders, as statici18n names them when it is not told otherwise
        patterns.append(within(folder) + r"[a-z]{2,3}([-_]\w+)*/\w+\.(js|json)")
    compress = compress_settings()
    if compress:
        folder = os.path.normpath(compress["output_dir"])
        manifests.add(os.path.normpath(os.path.join(folder, compress["manifest_name"])))
        patterns.append(within(folder) + r"(css|js)/([^/]*\.)?[0-9a-f]{12}\.(css|js)")
    found = [re.compile(pattern) for pattern in patterns]

    def is_made(name: str) -> bool:
        while name.endswith(_COPIES):
            name = os.path.splitext(name)[0]
        return name in manifests or any(pattern.fullmatch(name) for pattern in found)

    return is_made


def within(folder: str) -> str:
    """Return the pattern with which the names in a folder begin."""
    return "" if folder == "." else re.escape(folder) + "/"


def files_below(root: str) -> dict[str, int]:
    """Return every file below a folder, links included: name -> bytes."""
    found: dict[str, int] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        with suppress(FileNotFoundError), os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}{entry.name}/")
                else:
                    found[folder + entry.name] = entry.stat(follow_symlinks=False).st_size
    return found


def is_placeholder(name: str) -> bool:
    """Is it a file that only keeps a folder in git?"""
    return os.path.basename(name) in _PLACEHOLDERS


def is_listed(name: str, listed: set[str]) -> bool:
    """Is it a file that finders list, one with a hash in its name, or a compressed copy of such a file?"""
    while name.endswith(_COPIES) and name not in listed:
        name = os.path.splitext(name)[0]
    return name in listed or _HASH.sub("", name) in listed


def git_lines(folder: str, *words: str) -> list[str]:
    """Return what git says in a folder, between its NULs; nothing where it is in no checkout, or git is not there."""
    import subprocess

    try:
        ran = subprocess.run(  # noqa: S603 - our own words
            ["git", "-c", "safe.directory=*", *words],  # noqa: S607  # may be another user's checkout
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return []
    return [line for line in ran.stdout.decode("utf-8", "surrogateescape").split("\0") if line]


def ask_collected(request: Mapping[str, Any]) -> dict[str, Any]:
    """Compare what collectstatic left with what the finders list; `words` are its own, or null.

    `missing` are the first names that are not there, `count` is how many; `unjudged` says why that may be meant so.
    `promised` are those whose URLs lead below STATIC_URL all the same, though the storage is the project's own.
    `pointers` are files that git-lfs has not fetched. `is_empty` tells that nothing is there.
    """
    patterns, own_command = collecting_options(request["words"])
    own_storage = unjudged_storage()
    unjudged = own_command or own_storage
    folder = static_storage()["folder"] or ""
    there = files_below(folder)
    with sources_looked_through(patterns):
        names = {name for name, _, _ in collected(patterns)}
    absent = names - there.keys()
    if absent and not unjudged:
        refuse_faults(patterns, lambda fault: not absent.isdisjoint(fault["names"]))
    hashed = hashed_names() if absent else {}
    missing = sorted(name for name in absent if hashed.get(name) not in there)
    return {
        "listed": len(names),
        "missing": missing[:_NAMES_TOLD],
        "count": len(missing),
        "promised": not_where_the_url_leads(missing) if own_storage and not own_command else [],
        "unjudged": unjudged,
        "is_empty": not there,
        "pointers": [
            name
            for name, size in sorted(there.items())
            if size <= _LFS_BYTES and is_lfs_pointer(os.path.join(folder, name))
        ],
    }


@contextmanager
def sources_looked_through(patterns: list[str] | None) -> Iterator[None]:
    """Name the sources that cannot be collected, where that is why the block fails."""
    try:
        yield
    except (OSError, RecursionError) as error:
        said = str(error)
        refuse_faults(patterns, lambda fault: any(path in said for path in fault["paths"]))
        raise


def refuse_faults(patterns: list[str] | None, is_why: Callable[[Mapping[str, Any]], bool]) -> None:
    """Refuse the sources that collectstatic fails of, if one of them is why something has failed.

    Raises:
        ProbeError: naming each.
    """
    faults = faults_of_sources(patterns)
    why = [fault for fault in faults if is_why(fault)]
    if why:
        told = why + [fault for fault in faults if fault["is_listed"] and fault not in why]
        raise ProbeError(
            "sources cannot be collected:\n"
            + "\n".join(f"    {fault['what']}" for fault in told[:20]),
            os.getcwd(),
            "remove, mend or rename what is named above",
        )


def ask_faults(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is wrong with the sources; `words` are those of collectstatic's command, or null."""
    patterns, _ = collecting_options(request.get("words"))
    return {"faults": faults_of_sources(patterns)}


def faults_of_sources(patterns: list[str] | None) -> list[dict[str, Any]]:
    """Return every source that collectstatic fails of: `what` is wrong with it, and its `names`.

    By one of `paths` an error names it. `is_listed` tells that Django's own finders list it for sure.
    """
    from django.conf import settings

    root = absolute(settings.STATIC_ROOT) or ""
    faults: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for prefix, folder, is_listed in source_folders():
        for within, path, fault in walked(
            folder, default_patterns() if patterns is None else patterns
        ):
            name = os.path.join(prefix, within)
            if fault:
                paths = [path, os.path.join(root, name)]
                what = f"{path} {fault}"
                faults.append(
                    {"what": what, "names": [name], "paths": paths, "is_listed": is_listed}
                )
            elif is_listed:
                names.setdefault(name, path)
    for name, path in names.items():
        parent = os.path.dirname(name)
        while parent and parent not in names:
            parent = os.path.dirname(parent)
        if parent:
            what = f"{names[parent]} is a file where {path} needs a folder"
            paths = [names[parent], path, os.path.join(root, parent)]
            faults.append(
                {"what": what, "names": [name, parent], "paths": paths, "is_listed": True}
            )
    return faults


def source_folders() -> Iterator[tuple[str, str, bool]]:
    """Yield prefix and folder of every storage on disk of the finders; and whether Django's own code lists it."""
    from django.contrib.staticfiles.finders import get_finders

    for finder in get_finders():
        is_listed = getattr(type(finder).list, "__module__", "") == _FINDERS
        for storage in getattr(finder, "storages", {}).values():
            folder = folder_of(storage)
            if folder:
                yield getattr(storage, "prefix", None) or "", folder, is_listed


def walked(folder: str, patterns: list[str]) -> Iterator[tuple[str, str, str | None]]:
    """Yield name, path and what is wrong with it, None for nothing, of all that collectstatic meets in a folder."""
    from django.contrib.staticfiles.utils import matches_patterns

    top = ("", [os.path.realpath(folder)])
    folders = [top]  # each with its real path, and with those of the folders that it lies in
    while folders:
        within, parents = folders.pop()
        try:
            entries = sorted(os.listdir(os.path.join(folder, within)))
        except OSError as error:
            if within:
                yield within, os.path.join(folder, within), f"cannot be read: {error.strerror}"
            continue
        for entry in entries:
            name = os.path.join(within, entry)
            path = os.path.join(folder, name)
            if matches_patterns(entry, patterns) or matches_patterns(name, patterns):
                continue
            if not os.path.isdir(path):
                yield name, path, fault_of(path)
                continue
            real_path = os.path.realpath(path)
            if any(is_below(parent, real_path) for parent in parents):
                yield name, path, f"is a link to {os.readlink(path)}, a folder that it lies in"
            else:
                folders.append((name, [*parents, real_path]))


def fault_of(path: str) -> str | None:
    """Return why a file cannot be collected; None where it can."""
    if os.path.islink(path) and not os.path.exists(path):
        return f"is a link to {os.readlink(path)}, which is not there"
    if not os.path.isfile(path):
        return "is neither a file nor a folder"
    return None if os.access(path, os.R_OK) else "cannot be read"


def collecting_options(words: list[str] | None) -> tuple[list[str] | None, str | None]:
    """Return what collectstatic leaves out, None for the usual; and why it may leave out more."""
    from django.contrib.staticfiles.management.commands.collectstatic import Command
    from django.core.management import get_commands, load_command_class

    if not words:
        return None, "it is a shell line"
    app = get_commands().get(words[0])
    command: Any = load_command_class(app, words[0]) if isinstance(app, str) else app
    if not isinstance(command, Command):
        return None, f"{words[0]} is the project's own command"
    parser = command.create_parser("manage.py", words[0])
    options = parser.parse_args(words[1:])
    patterns = list(options.ignore_patterns)
    if options.use_default_ignore_patterns:
        patterns += default_patterns()
    for name in ("handle", "collect", "set_options", "copy_file", "link_file", "delete_file"):
        if getattr(type(command), name).__module__ != Command.__module__:
            return patterns, f"{words[0]} is the project's own command"
    return patterns, None


def unjudged_storage() -> str | None:
    """Return why the staticfiles storage may name or leave out files as it likes; None where it does not."""
    from django.contrib.staticfiles.storage import staticfiles_storage

    kind: type = staticfiles_storage.__class__
    for name in ("save", "_save", "path", "exists", "delete", "get_available_name", "post_process"):
        method = getattr(kind, name, None)
        if method and method.__module__.split(".")[0] not in ("django", "whitenoise", "compressor"):
            return f"the storage {kind.__qualname__} has its own way to store files"
    return None


def not_where_the_url_leads(names: list[str]) -> list[str]:
    """Return the names for which the storage gives a URL below STATIC_URL, and the static root has no file."""
    from urllib.parse import unquote

    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage

    prefix, root = str(settings.STATIC_URL or ""), absolute(settings.STATIC_ROOT) or ""
    found = []
    for name in names:
        try:
            url = str(staticfiles_storage.url(name))
        except Exception:  # noqa: S112  # no page can ask for it
            continue
        path = unquote(re.split("[?#]", url)[0])
        below = path[len(prefix) :] if prefix and path.startswith(prefix) else ""
        if below and not os.path.isfile(os.path.join(root, below)):
            found.append(name)
    return found


def hashed_names() -> dict[str, str]:
    """Return name -> name with a hash, as the manifest says that collectstatic has just written."""
    from django.contrib.staticfiles.storage import staticfiles_storage

    load = getattr(staticfiles_storage, "load_manifest", None)
    found = load() if load else {}
    return dict(found[0] if isinstance(found, tuple) else found)  # a pair since Django 4.1


def is_lfs_pointer(path: str) -> bool:
    """Is it what git-lfs leaves in place of a file that it has not fetched?"""
    with suppress(OSError), open(path, "rb") as stream:
        return stream.read(len(_LFS)) == _LFS
    return False


# --- ask: coverage -------------------------------------------------------------------------------


def ask_coverage(request: Mapping[str, Any]) -> dict[str, Any]:
    """Render every compress block as compressor does, and look its key up in the offline manifest.

    compress itself cannot be trusted with it: an error while a block is rendered for its key is lost
    in its thread pool, templates that do not parse are skipped, and it ends with 0 all the same.

    Each of `missing`, `failed`, `untranslated`, `unfilled`, `surrounded` and `varying` names a block by {"engine", "template",
    "in": the template it stands in, "block": its number in the page, "line", "context": the offline
    context's number}. With `texts`, `rendered` is every block by these words and its key, `texts` key -> text.
    With `places`, `places` is each block that a template holds: {"in", "line", "block", "context", "keys": {key:
    the first template that renders it so}}. With `made`, `made` is what is wrong with the files of the blocks.
    `passed_over` are blocks that compress does not find, `handed_over` tags that give compressor the text of
    many templates.
    """
    compress = compress_settings()
    coverage = Coverage({})
    manifest: dict[str, Any] = {}
    if compress:
        from django.utils import translation

        manifest = offline_manifest(request.get("manifest"))
        contexts = offline_contexts()
        translation.deactivate()  # a context function may have chosen one; compress's threads have none
        coverage = Coverage(manifest, languages(), request.get("other_cdn"))
        parsed = Parsed()
        parsed.listen()
        for engine in engines():
            coverage.walk(engine, contexts)
            if isinstance(engine, Jinja2Engine):
                coverage.set_by_users(engine)
            else:
                coverage.account(engine, contexts, parsed)
    is_told = bool(request.get("texts"))
    return {
        "templates": coverage.templates,
        "blocks": coverage.blocks,
        "keys": len(coverage.texts),
        "missing": coverage.missing,
        "failed": coverage.failed,
        "broken": coverage.broken,
        "untranslated": coverage.untranslated(),
        "unfilled": coverage.unfilled(),
        "surrounded": coverage.surrounded(),
        "varying": list(coverage.varying.values()),
        "passed_over": coverage.passed_over,
        "handed_over": coverage.handed_over,
        "made": made(coverage.rendered, coverage.texts, manifest) if request.get("made") else [],
        "ambiguous": coverage.ambiguous(),
        "rendered": coverage.rendered if is_told else [],
        "texts": coverage.texts if is_told else {},
        "places": coverage.places() if request.get("places") else [],
        "with_cdn": coverage.with_cdn,
        "files_with_cdn": files_with_cdn() if coverage.other_cdn else [],
        "relative_inline": relative_inline(manifest) if coverage.other_cdn else [],
        "compress": compress,
        "libraries": libraries(),
    }


class Engine:
    """One template language: its templates, and compressor's offline parser for it."""

    def __init__(
        self, kind: str, parser: Any, names: list[str], source: Callable[[str], str]
    ) -> None:
        self.kind = kind
        self.parser = parser
        self.names = names
        self.source = source
        self._without: set[str] = set()  # included templates that hold no block

    def parse(self, name: str) -> Any:
        """Return a template as pages get it: by its loader."""
        template = self.parser.parse(name)
        template.template_name = name
        return template

    def nodes(self, template: Any, context: Any) -> list[tuple[Any, Around]]:
        """Return the compress blocks that compressor finds, and those of the templates that this one includes."""
        return list(self._within(template, template, context, Around()))

    def _within(
        self, node: Any, template: Any, context: Any, outer: Around
    ) -> Iterator[tuple[Any, Around]]:
        """Yield what compressor's own walk_nodes() yields, with what stands around each."""
        from compressor.templatetags.compress import CompressorNode
        from django.template.base import TextNode, VariableNode

        around = outer.within(node)
        instead = getattr(node, "nodelist_empty", None) or ()  # of a loop, and outside of it
        for child in self.parser.get_nodelist(node, template, context):
            if isinstance(child, (TextNode, VariableNode)):
                continue
            here = outer if any(child is each for each in instead) else around
            if isinstance(child, CompressorNode) and child.is_offline_compression_enabled(
                forced=True
            ):
                yield child, here
                continue
            yield from self._within(child, template, context, here)
            yield from self._included(child, template, context, here)
            around = around.behind(child)

    def _included(
        self, node: Any, template: Any, context: Any, around: Around
    ) -> Iterator[tuple[Any, Around]]:
        """Yield the blocks of the template that a tag includes, if it includes one."""
        from django.template import Context

        included = template_included(node, template, context)
        if included is None or around.holds(included) or included.origin.name in self._without:
            return
        inner = around.within_include(node, included)
        found = []
        with suppress(Exception):  # the walk of the included template itself tells of it
            found = list(self._within(included, included, Context(context.flatten()), inner))
        if not found:
            self._without.add(included.origin.name)
        yield from found

    def otherwise(
        self,
        template: Any,
        values: Any,
        node: Any,
        around: Around,
        is_built: Callable[[str], bool],
    ) -> tuple[str, str] | None:
        """Return the innermost tag around a block that makes another text of it, and that text; None for none.

        A tag counts only where it finds all that it looks for: what a page would give it, nobody knows here.
        """
        links = around.links
        engine = template.engine
        if not engine.autoescape:
            links = (Link.of_engine(), *links)
        once, again = (self._texts(template, values, (), node) for _ in range(2))
        if not links or once != again or not all(map(is_built, once)):
            return None
        for at in reversed(range(len(links))):
            texts = self._texts(template, values, links[at:], node)
            for text in texts or self._texts(template, values, links[at:], node, is_scope=True):
                if not is_built(text):
                    return links[at].tag, text
        return None

    def _texts(
        self, template: Any, values: Any, links: Any, node: Any, *, is_scope: bool = False
    ) -> list[str]:
        """Return the texts of a block within tags; none where they do not render it, or lack something.

        With `is_scope`, of these tags only what needs no data: escaping, languages, formats, and that loops repeat.
        """
        context = noting_context(self.parser.get_init_context(values))
        with Outside() as outside:
            leaf = Leaf(node, context, outside)
            inner = leaf.node
            for link in reversed(links):
                inner = link.around(inner, is_scope=is_scope)
            with suppress(Exception), context.bind_template(template):
                inner.render(context)
        return leaf.texts

    def form(self, node: Any) -> tuple[Any, ...]:
        """Return what a block asks for: kind, mode and name."""
        return (node.kind, node.mode, node.name)

    def place(self, name: str, at: int, node: Any) -> tuple[Any, ...]:
        """Return what is the same for a block in whatever page it is rendered."""
        return getattr(node, PLACE, None) or (name, at)

    def again(self, template: Any, values: Any, context: Any, node: Any) -> Rendering:
        """Render a block as if for the first time, and note what it looks for in vain, and asks."""
        from django.template.loader_tags import BLOCK_CONTEXT_KEY

        fresh = noting_context(self.parser.get_init_context(values))
        blocks = context.render_context.get(BLOCK_CONTEXT_KEY)
        if blocks is not None:  # of the page that extends this template
            fresh.render_context[BLOCK_CONTEXT_KEY] = blocks
        with Asked() as asked:
            text = self.parser.render_nodelist(template, fresh, node)
        roots = {name.split(".")[0] for name in fresh.variables}
        names = fresh.variables.union(fresh.names.difference(roots, ["forloop"]))
        # the key holds no STATIC_URL; {{ block.super }} is compressor's to fill in
        return Rendering(text, names - {"STATIC_URL", "block", "block.super"}, asked.names)

    def is_given(self, name: str, values: Any) -> bool:
        """Does an offline context give this variable?"""
        from django.template import Context, Variable, VariableDoesNotExist

        try:
            Variable(name).resolve(Context(self.parser.get_init_context(values)))
        except VariableDoesNotExist:
            return False
        return True

    def has_compress(self, name: str, seen: tuple[str, ...] = ()) -> bool:
        """Does the template's text, or that of one it extends, hold a compress block?"""
        try:
            text = self.source(name)
        except Exception:  # a missing parent holds nothing
            return False
        if self.is_in(text):
            return True
        return any(
            self.has_compress(parent, (*seen, name))
            for parent in _EXTENDS.findall(text)
            if parent not in (*seen, name)
        )

    def is_in(self, text: str) -> bool:
        """Does a text hold a compress block, or hand its own to compressor? Comments do not count."""
        from django.template.base import Lexer, TokenType

        if not _COMPRESS.search(text) and "processor" not in text:
            return False
        in_comment = False
        for token in Lexer(text).tokenize():
            if token.token_type is TokenType.BLOCK:
                word = (token.contents.split() or [""])[0]
                if in_comment or word == "comment":
                    in_comment = word != "endcomment"
                elif word == "compress" or handed_to(token.contents):
                    return True
        return False


class Jinja2Engine(Engine):
    """Jinja2, whose templates compressor reads as files; pages get them from any loader."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.uses: dict[str, list[tuple[str, dict[str, str]]]] = {}  # template -> its users

    def parse(self, name: str) -> Any:
        """Return a template as pages get it: by its loader."""
        environment = self.parser.env
        source = environment.loader.get_source(environment, name)[0]
        template = environment.parse(source, name=name)
        template.template_name = name
        return template

    def nodes(self, template: Any, context: Any) -> list[tuple[Any, Around]]:
        """Return every compress block of a template, those that compressor passes over too."""
        from jinja2.nodes import Call, CallBlock, ExtensionAttribute

        list(self.parser.walk_nodes(template, context=context))  # has each built, not looked up
        found = []
        # compressor does not look into `elif`, nor behind the body of a loop
        for node, around in jinja2_nodes(template, Around()):
            call = node.call if isinstance(node, CallBlock) else None
            if (
                isinstance(call, Call)
                and isinstance(call.node, ExtensionAttribute)
                and call.node.identifier == self.parser.COMPRESSOR_ID
            ):
                found.append((node, around))
            self._note_use(template, node, around)
        return sorted(found, key=lambda each: int(each[0].lineno))

    def _note_use(self, template: Any, node: Any, around: Around) -> None:
        """Note what a template sets for one that it includes or extends."""
        from jinja2 import nodes

        names = around.names
        if isinstance(node, nodes.Extends):
            for each in template.body:
                if isinstance(each, (nodes.Assign, nodes.AssignBlock)):
                    names = {**names, **names_in(each.target, "set")}
        elif not (isinstance(node, nodes.Include) and node.with_context):
            return
        with suppress(nodes.Impossible):  # a variable names it
            used = node.template.as_const()
            for name in [used] if isinstance(used, str) else used:
                self.uses.setdefault(name, []).append((template.template_name, names))

    def set_for(self, name: str, seen: tuple[str, ...] = ()) -> dict[str, str]:
        """Return the variables that templates set for one that they include or extend: {variable: the tag}."""
        found = {}
        for user, names in self.uses.get(name, ()):
            if user not in seen:
                found.update({**self.set_for(user, (*seen, name)), **names})
        return found

    def form(self, node: Any) -> tuple[Any, ...]:
        """Return what a block asks for: kind, mode and name."""
        kind, mode, name = (getattr(argument, "value", None) for argument in node.call.args)
        return (kind, mode, name)

    def again(self, template: Any, values: Any, _context: Any, node: Any) -> Rendering:
        """Render a block as if for the first time, and note what it looks for in vain, and asks."""
        from jinja2 import meta, nodes

        body = nodes.Template(node.body, lineno=1)
        body.set_environment(self.parser.env)
        given = self.parser.get_init_context(values)
        names = set(meta.find_undeclared_variables(body)) - {*given}  # in all branches
        with noting_undefined(self.parser.env, names), Asked() as asked:
            text = self.parser.render_nodelist(template, given, node)
        return Rendering(text, names - {"STATIC_URL"}, asked.names)

    def otherwise(
        self,
        template: Any,
        values: Any,
        node: Any,
        around: Around,
        is_built: Callable[[str], bool],
    ) -> tuple[str, str] | None:
        """Return the innermost tag around a block that makes another text of it, and that text; None for none."""
        from jinja2 import nodes

        given = self.parser.get_init_context(values)
        once, again = (self.parser.render_nodelist(template, given, node) for _ in range(2))
        if once != again or not is_built(once):
            return None
        body = node.body
        for tag, options in [*map(escaping, reversed(around.links))] or self._by_name(template):
            body = [nodes.ScopedEvalContextModifier(options, body, lineno=1)]
            body[0].set_environment(self.parser.env)
            text = self.parser._render_nodes(template, given, body)
            if not is_built(text):
                return tag, text
        return None

    def _by_name(self, template: Any) -> Iterator[tuple[str, list[Any]]]:
        """Yield what an environment that escapes by names does for this template's, where compress has none."""
        from jinja2 import nodes

        choose = self.parser.env.autoescape
        if callable(choose):
            is_on = nodes.Const(choose(template.template_name))
            yield "the environment's autoescape", [nodes.Keyword("autoescape", is_on)]

    def is_given(self, name: str, values: Any) -> bool:
        """Does an offline context give this variable?"""
        return name in self.parser.get_init_context(values)

    def is_in(self, text: str) -> bool:
        """Does a text hold a compress block?"""
        start = re.escape(self.parser.env.block_start_string)
        return bool(re.search(start + r"[-+]?\s*compress\s", text))


class Rendering:
    """One rendering of a block: its text, the names it looked for in vain, the functions it asked."""

    def __init__(self, text: str, names: set[str], asked: set[str]) -> None:
        self.text = text
        self.names = names
        self.asked = asked


# --- what is parsed ------------------------------------------------------------------------------

PLACE = "_fab_static_place"


class Noted:
    """A compress block, or a tag that hands text to compressor, as it was met by Django's parser.

    Its `place` is (template, file, line, number in that line), the same however often it is parsed.
    """

    def __init__(self, parsed: Parsed, parser: Any, node: Any, place: tuple[Any, ...]) -> None:
        self.parsed = parsed
        self.node = node
        self.place = place
        self.template, _, self.line, _ = place
        *around, (_, own) = parser.command_stack
        self.around = [token.contents.split() for _, token in around]
        is_block = own.contents.split()[0] == "compress"
        shown = around[-1][1] if is_block and around else own
        self.tag = "{% " + shown.contents + " %}"

    def template_of(self) -> Any:
        """Return the template that it stands in; None where that has no name."""
        from django.template.loader import get_template

        with suppress(Exception):
            backend: Any = get_template(self.template)
            return backend.template
        return None

    def is_dead(self, contexts: list[Any]) -> bool:
        """Can no page ask for it? So it is with what a child template holds outside of its parents' blocks."""
        words = [each[0] for each in self.around]
        if not any("extends" in word for word in words) or any("partial" in word for word in words):
            return False
        name = next((each[1] for each in self.around if each[0] == "block" and each[1:]), None)
        if name is None:
            return True
        return not any(name in names for names in self.blocks_of_parents(contexts))

    def blocks_of_parents(self, contexts: list[Any]) -> Iterator[set[str]]:
        """Yield the names of the blocks of each template that this one extends, in any offline context."""
        from django.template import Context
        from django.template.loader_tags import ExtendsNode

        for values in contexts:
            template = self.template_of()
            context = Context(values)
            context.template = template
            with suppress(Exception):  # another context may name its parent
                while template is not None:
                    nodes = [each for each in template.nodelist if isinstance(each, ExtendsNode)]
                    template = nodes[0].get_parent(context) if nodes else None
                    if template is not None:
                        yield self.parsed.names.get(str(template.origin.name), set())


class Parsed:
    """Hears of every compress block that Django's parser meets, whatever tag keeps it."""

    def __init__(self) -> None:
        self.blocks: dict[tuple[Any, ...], Noted] = {}
        self.handed: dict[tuple[Any, ...], Noted] = {}
        self.names: dict[str, set[str]] = {}  # a template's file -> its {% block %}s
        self.included: dict[str, set[str]] = {}  # a template -> what {% include … with %} gives it
        self._parsers: list[Any] = []

    def listen(self) -> None:
        """Have the parser and compressor's node tell of all to come."""
        from compressor.templatetags.compress import CompressorNode
        from django.template.base import Parser, TokenType

        parse, extend, init = Parser.parse, Parser.extend_nodelist, CompressorNode.__init__

        def parsing(parser: Any, *args: Any, **kwargs: Any) -> Any:
            self._parsers.append(parser)
            try:
                return parse(parser, *args, **kwargs)
            finally:
                self._parsers.pop()

        def extending(parser: Any, nodelist: Any, node: Any, token: Any) -> Any:
            if token.token_type is TokenType.BLOCK:
                self.hear(parser, node, token)
            return extend(parser, nodelist, node, token)

        def made(node: Any, *args: Any, **kwargs: Any) -> None:
            init(node, *args, **kwargs)
            if self._parsers and self._parsers[-1].command_stack:
                noted = self.note(self._parsers[-1], node)
                setattr(node, PLACE, noted.place)
                self.blocks.setdefault(noted.place, noted)

        for kind, name, function in (
            (Parser, "parse", parsing),
            (Parser, "extend_nodelist", extending),
            (CompressorNode, "__init__", made),
        ):
            setattr(kind, name, function)

    def note(self, parser: Any, node: Any) -> Noted:
        """Return what stands at the tag that a parser reads now."""
        line = int(parser.command_stack[-1][1].lineno or 0)
        count = parser.__dict__.setdefault("_fab_static_lines", {})
        number = count[line] = count.get(line, -1) + 1
        origin = parser.origin
        template = str(getattr(origin, "template_name", None) or getattr(origin, "name", origin))
        return Noted(self, parser, node, (template, str(getattr(origin, "name", "")), line, number))

    def hear(self, parser: Any, node: Any, token: Any) -> None:
        """Note of a tag what a block may depend on."""
        from django.template.loader_tags import BlockNode, IncludeNode

        if isinstance(node, BlockNode):
            names = self.names.setdefault(str(getattr(parser.origin, "name", "")), set())
            names.add(str(node.name))
        elif isinstance(node, IncludeNode):
            template = getattr(node.template, "var", None)
            if isinstance(template, str):
                name = template.partition("#")[0]  # of a partial
                self.included.setdefault(name, set()).update(node.extra_context)
        elif "processor" in token.contents and handed_to(token.contents):
            noted = self.note(parser, None)
            self.handed.setdefault(noted.place, noted)


def handed_to(tag: str) -> str | None:
    """Return the function of a tag's postprocessor, where that hands a text to compressor.

    compressor.contrib.sekizai.compress does, and so do functions that call it.
    """
    found = _HANDED.search(tag)
    path = found.group(1) if found else ""
    if path.startswith("compressor."):
        return path
    module, _, name = path.rpartition(".")
    try:
        function = getattr(import_module(module), name)
    except Exception:  # none of ours: the page will say so
        return None
    function = getattr(function, "__wrapped__", function)
    names = getattr(getattr(function, "__code__", None), "co_names", ())
    given = getattr(function, "__globals__", {})
    uses = [*names, *(str(getattr(given.get(word), "__module__", "")) for word in names)]
    return path if any(word.split(".")[0] == "compressor" for word in uses) else None


def names_set_by(node: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables that a tag sets for what it holds, and for what follows it: {variable: the tag}."""
    contents = getattr(getattr(node, "token", None), "contents", "")
    inside = [*getattr(node, "loopvars", ()), *getattr(node, "extra_context", ())]
    if hasattr(node, "loopvars"):
        inside.append("forloop")
    named = _as_name(node.token) if " as" in contents else []
    if not (inside or named):
        return {}, {}
    tag = contents.split()[0]
    holds = any(getattr(node, name, None) for name in node.child_nodelists)
    # {% static "a.js" as url %} sets it for all that follows, {% thumbnail … as image %} within
    return (
        dict.fromkeys(map(str, inside + named), tag),
        {} if holds else dict.fromkeys(named, tag),
    )


def _as_name(token: Any) -> list[str]:
    """Return the words that stand behind `as` in a tag; not those of a text in it."""
    words = token.split_contents()
    return [name for word, name in zip(words, words[1:]) if word in ("as", "asvar")]


def escaping(modifier: Any) -> tuple[str, list[Any]]:
    """Return a Jinja2 `autoescape` tag, as it is told, and what it sets."""
    value = getattr(modifier.options[0].value, "value", "…")
    return f"{{% autoescape {str(value).lower()} %}}", modifier.options


def jinja2_nodes(node: Any, around: Around) -> Iterator[tuple[Any, Around]]:
    """Yield every node of a Jinja2 template, with what stands around it."""
    from jinja2 import nodes

    within: dict[str, str] = {}
    links: tuple[Any, ...] = ()
    if isinstance(node, nodes.For):
        within = {**names_in(node.target, "for"), "loop": "for"}
    elif isinstance(node, nodes.With):
        within = names_in(node.targets, "with")
    elif isinstance(node, (nodes.Macro, nodes.CallBlock)):
        word = "macro" if isinstance(node, nodes.Macro) else "call"
        within = names_in(node.args, word)
    elif isinstance(node, nodes.ScopedEvalContextModifier):
        links = (node,)
    inner = around.plus(within, links)
    for child in node.iter_child_nodes():
        yield child, inner
        yield from jinja2_nodes(child, inner)
        if isinstance(child, (nodes.Assign, nodes.AssignBlock)):
            inner = inner.plus(names_in(child.target, "set"))
        elif isinstance(child, nodes.Import):
            inner = inner.plus({child.target: "import"})
        elif isinstance(child, nodes.FromImport):
            names = [name if isinstance(name, str) else name[1] for name in child.names]
            inner = inner.plus(dict.fromkeys(names, "from"))


def names_in(target: Any, tag: str) -> dict[str, str]:
    """Return the names that a Jinja2 tag sets: {name: the tag}."""
    from jinja2 import nodes

    found = {}
    for each in target if isinstance(target, list) else [target]:
        for name in [each, *each.find_all(nodes.Name)]:
            if isinstance(name, nodes.Name):
                found[name.name] = tag
    return found


# --- what stands around a block -------------------------------------------------------------------

_TEXTS_OF_A_LOOP = 50


class Around:
    """What stands around a block: variables and the tags that set them, and the tags that may change its text."""

    def __init__(self, names: Mapping[str, str] | None = None, links: tuple[Any, ...] = ()) -> None:
        self.names = dict(names or {})
        self.links = links  # outermost first

    def plus(self, names: Mapping[str, str], links: tuple[Any, ...] = ()) -> Around:
        """Return what stands around with more of it."""
        if not (names or links):
            return self
        return Around({**self.names, **names}, (*self.links, *links))

    def within(self, node: Any) -> Around:
        """Return what stands around what a tag holds."""
        return self.plus(names_set_by(node)[0], (Link(node),) if may_change(node) else ())

    def behind(self, node: Any) -> Around:
        """Return what stands around what follows a tag."""
        from django.template.defaulttags import CycleNode

        # `{% cycle row %}` goes on with what `{% cycle 'a' 'b' as row %}` has begun
        return self.plus(names_set_by(node)[1], (Link(node),) * isinstance(node, CycleNode))

    def within_include(self, node: Any, template: Any) -> Around:
        """Return what stands around what an included template holds."""
        link = Link(node, template)
        is_alone = not hasattr(node, "extra_context") or node.isolated_context
        names = {} if is_alone else {**self.names, **names_set_by(node)[0]}
        return Around(names, (*self.links, link))

    def holds(self, template: Any) -> bool:
        """Does a template include itself here?"""
        origin = str(template.origin.name)
        return any(origin == str(link.template.origin.name) for link in self.links if link.template)

    @property
    def is_included(self) -> bool:
        """Does the block stand in another template than the one that was walked?"""
        return any(getattr(link, "template", None) for link in self.links)

    @property
    def place(self) -> tuple[Any, ...]:
        """Return what is the same for the tags in whatever page they stand."""
        return tuple(getattr(link, "place", None) or id(link) for link in self.links)


class Link:
    """One tag around a block, with the template that it includes, if it includes one."""

    def __init__(self, node: Any, template: Any = None) -> None:
        self.node = node
        self.template = template
        token = getattr(node, "token", None)
        self.tag = "{% " + str(getattr(token, "contents", "")) + " %}"
        self.place = (self.tag, str(getattr(node, "origin", "")), getattr(token, "lineno", 0))

    @classmethod
    def of_engine(cls) -> Link:
        """Return what stands around all blocks where TEMPLATES says that nothing is escaped."""
        from django.template.base import Node, NodeList
        from django.template.defaulttags import AutoEscapeControlNode

        link = cls(AutoEscapeControlNode(False, NodeList([Node()])))
        link.tag = '"autoescape": False in TEMPLATES'
        return link

    def around(self, inner: Any, *, is_scope: bool) -> Any:
        """Return a copy of the tag that holds `inner` alone."""
        import copy

        from django.template.base import NodeList
        from django.template.defaulttags import CycleNode, ForNode

        held = NodeList([inner])
        if isinstance(self.node, CycleNode):
            return NodeList([self.node, inner])
        if is_scope and isinstance(self.node, ForNode):
            return Repeated(held)
        if is_scope and not is_scope_tag(self.node) and self.template is None:
            return held
        twin = copy.copy(self.node)
        if self.template is not None:
            included = copy.copy(self.template)
            included.nodelist = held
            if is_scope:
                return included
            if hasattr(twin, "extra_context"):
                twin.template = Fixed(included)
            else:
                twin.filename = included
            return twin
        for name in twin.child_nodelists:
            if getattr(twin, name, None):
                setattr(twin, name, held)
        return twin


class Fixed:
    """Stands for a template's name in a tag."""

    def __init__(self, template: Any) -> None:
        self.template = template

    def resolve(self, _: Any) -> Any:
        """Return the template, whatever the context."""
        return self.template


class Repeated:
    """A loop over nobody knows what: it repeats what it holds, and sets no variable of its own."""

    def __init__(self, nodelist: Any) -> None:
        self.nodelist = nodelist

    def render(self, context: Any) -> str:
        """Render it twice, as Django's `for` does."""
        with context.push(forloop={}):
            return "".join(self.nodelist.render(context) for _ in range(2))


class Leaf:
    """Renders a block in the place that tags around it give it, and keeps its texts."""

    def __init__(self, block: Any, context: Any, outside: Outside) -> None:
        from django.template.base import Node

        leaf = self
        self.texts: list[str] = []

        class Place(Node):
            def render(self, here: Any) -> str:
                sought = {*context.variables, *context.names} - {"forloop", "csrf_token"}
                if sought or len(leaf.texts) == _TEXTS_OF_A_LOOP:
                    raise LookupError(sought)
                with outside.open():
                    leaf.texts.append(block.nodelist.render(here))
                context.variables.clear()
                context.names.clear()
                return ""

        self.node = Place()


class Outside:
    """Keeps tags from databases, caches and other hosts, while they are run for what they hold alone."""

    def __enter__(self) -> Outside:
        import socket

        from django.core.cache import CacheHandler
        from django.db.utils import ConnectionHandler

        self.is_open = False
        self._kept = [
            (kind, name, getattr(kind, name), name in vars(kind))
            for kind, name in (
                (CacheHandler, "__getitem__"),
                (ConnectionHandler, "__getitem__"),
                (socket.socket, "connect"),
            )
        ]
        for kind, name, function, _ in self._kept:
            setattr(kind, name, self._guarded(function))
        return self

    def __exit__(self, *_: object) -> None:
        for kind, name, function, is_own in self._kept:
            if is_own:
                setattr(kind, name, function)
            else:
                delattr(kind, name)

    def _guarded(self, function: Any) -> Any:
        def guarded(*args: Any) -> Any:
            if not self.is_open:
                raise ConnectionRefusedError("compress runs no tag around a block")
            return function(*args)

        return guarded

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let what the block itself does pass: compress runs that."""
        self.is_open = True
        try:
            yield
        finally:
            self.is_open = False


def is_scope_tag(node: Any) -> bool:
    """Is it one of Django's tags that change how values are written, and need no data for it?"""
    from django.template.defaulttags import AutoEscapeControlNode
    from django.templatetags.i18n import LanguageNode
    from django.templatetags.l10n import LocalizeNode
    from django.templatetags.tz import LocalTimeNode, TimezoneNode

    kinds = (AutoEscapeControlNode, LanguageNode, LocalizeNode, LocalTimeNode, TimezoneNode)
    return isinstance(node, kinds)


def may_change(node: Any) -> bool:
    """May a tag change the text of a block that it holds?

    {% if %} and {% ifchanged %} only ask for it or not, and {% cache %} would keep what stands in for a page.
    """
    if not any(getattr(node, name, None) for name in getattr(node, "child_nodelists", ())):
        return False
    from django.template.defaulttags import FilterNode, IfChangedNode, IfNode, SpacelessNode
    from django.template.loader_tags import BlockNode, ExtendsNode
    from django.templatetags.cache import CacheNode

    plain = (BlockNode, CacheNode, ExtendsNode, FilterNode, IfChangedNode, IfNode, SpacelessNode)
    return hasattr(node, "token") and not isinstance(node, plain)


def template_included(node: Any, template: Any, context: Any) -> Any:
    """Return the template that an include or inclusion tag renders; None for other tags, and where none is known."""
    from django.template.base import Template
    from django.template.library import InclusionNode
    from django.template.loader_tags import IncludeNode, construct_relative_path

    if not isinstance(node, (IncludeNode, InclusionNode)):
        return None
    with suppress(Exception):  # it is not there: the page will say so
        found: Any = (
            node.template.resolve(context) if isinstance(node, IncludeNode) else node.filename
        )
        found = getattr(found, "template", found)
        if isinstance(found, str):
            found = template.engine.get_template(
                construct_relative_path(str(node.origin.template_name), found)
            )
        elif not isinstance(found, Template):
            found = template.engine.select_template(list(found))
        return found if isinstance(found, Template) else None
    return None


def text_of(error: UnicodeDecodeError) -> str:
    """Return a text that is not in the encoding that it was read in, so far as ASCII goes."""
    is_utf_16 = error.object[:2] in (b"\xff\xfe", b"\xfe\xff")
    return error.object.decode("utf-16" if is_utf_16 else "latin-1", "replace")


# --- what a block depends on ---------------------------------------------------------------------

# modules whose own use of the clock or of chance changes no text
_UNHEARD = (
    "logging",
    "threading",
    "tempfile",
    "django.core.cache",
    "django.core.files",
    "django.db",
)
_CLOCKS = {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime"}  # of the module time
_CHANCE = {"urandom", "getrandbits", "random", "_generate_time_safe", "generate_time_safe"}


class Asked:
    """Notices whether something asks the clock or chance: what it prints is another text another time."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __enter__(self) -> Asked:
        self._before = sys.getprofile()
        sys.setprofile(self._hear)
        return self

    def _hear(self, frame: Any, event: str, function: Any) -> None:
        if event != "c_call":
            return
        name, owner = getattr(function, "__name__", ""), getattr(function, "__self__", None)
        if name in _CLOCKS:
            told = f"time.{name}" if owner is sys.modules.get("time") else ""
        elif name in ("now", "utcnow", "today"):
            is_clock = isinstance(owner, type) and hasattr(owner, "isoformat")
            told = f"{owner.__name__}.{name}" if is_clock else ""  # type: ignore[union-attr]
        elif name in _CHANCE:
            module = getattr(function, "__module__", None) or type(owner).__module__
            told = "random" if module in ("random", "_random", "posix", "nt", "_uuid") else ""
        else:
            return
        if told and not str(frame.f_globals.get("__name__")).startswith(_UNHEARD):
            self.names.add(told)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)


class NotingDict(Dict[str, Any]):
    """A dict that adds to `names` what is looked for and not there."""

    def __init__(self, values: Mapping[str, Any], names: set[str]) -> None:
        super().__init__(values)
        self.names = names

    def __missing__(self, key: str) -> Any:
        self.names.add(str(key))
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        is_there = super().__contains__(key)
        if not is_there:
            self.names.add(str(key))
        return is_there

    def get(self, key: str, otherwise: Any = None) -> Any:
        """Return a value, as a dict does."""
        return super().get(key, otherwise) if key in self else otherwise


_noting: list[Any] = []  # the class, made when Django is there


def noting_context(values: Any) -> Any:
    """Return a Django context that notes in `variables` and `names` what is looked for and not there."""
    if _noting:
        return _noting[0](values)
    from django.template import Context, Variable, VariableDoesNotExist

    class Noting(Context):
        def __init__(self, values: Any) -> None:
            self.variables: set[str] = set()  # as templates write them: request.GET.staff
            self.names: set[str] = set()  # as tags ask for them: request
            super().__init__(values)

        def __getitem__(self, key: Any) -> Any:
            try:
                return super().__getitem__(key)
            except KeyError:
                self.names.add(str(key))
                raise

        def __contains__(self, key: Any) -> bool:
            is_there = super().__contains__(key)
            if not is_there:
                self.names.add(str(key))
            return is_there

        def get(self, key: Any, otherwise: Any = None) -> Any:
            return super().get(key, otherwise) if key in self else otherwise

        def flatten(self) -> Any:
            return NotingDict(cast(Dict[str, Any], super().flatten()), self.names)

        @property
        def request(self) -> Any:  # pages' contexts have the attribute, compress's have not
            self.names.add("request")
            raise AttributeError("request")

    resolve = Variable.resolve

    def resolving(variable: Any, context: Any) -> Any:
        try:
            return resolve(variable, context)
        except VariableDoesNotExist:
            if isinstance(context, Noting):
                context.variables.add(str(variable.var))
            raise

    setattr(Variable, "resolve", resolving)  # noqa: B010  # a method of another class
    _noting.append(Noting)
    return Noting(values)


@contextmanager
def noting_undefined(environment: Any, names: set[str]) -> Iterator[None]:
    """Add to `names` what Jinja2 looks for meanwhile and does not find; an attribute with a dot before it."""
    from jinja2.utils import missing

    kind: Any = environment.undefined

    class Noting(kind):  # type: ignore[misc]  # whatever class the project has chosen
        __slots__ = ()

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            name = self._undefined_name
            if name is not None:
                names.add(f"{name}" if self._undefined_obj is missing else f".{name}")

    environment.undefined = Noting
    try:
        yield
    finally:
        environment.undefined = kind


# --- what compress made --------------------------------------------------------------------------

_SCANNED = re.compile(
    r"""/\*.*?\*/"""
    r"""|(?P<import>@import)\s*(?:url\(\s*)?(?:"(?P<a>[^"]*)"|'(?P<b>[^']*)'|(?P<c>[^"'()\s;]+))"""
    r"""|url\(\s*(?:"(?P<d>[^"]*)"|'(?P<e>[^']*)'|(?P<f>[^"'()\s]+))\s*\)"""
    r"""|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?P<brace>\{)""",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(
    r"""<(script|link|style)\b((?:[^>"']|"[^"]*"|'[^']*')*)>""", re.IGNORECASE | re.DOTALL
)
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style", re.IGNORECASE | re.DOTALL)
_ATTRIBUTE = re.compile(r"""([^\s=/"'>]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
# attributes that compress reads, or that say what is so without them
_READ = {"src", "href", "rel", "charset", "language", "media"}
_PLAIN_TYPES = re.compile(r"|(text|application)/(x-)?(java|ecma)script|text/css", re.IGNORECASE)


def made(
    rendered: list[dict[str, Any]], texts: Mapping[str, str], manifest: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return what pages will miss of what compress made: {the block, "file" or null, "what", "name"}.

    `what` is: "attribute", which the block has and its value has not; "import" and "url", which lead to no file;
    "late", an @import that follows rules, so that browsers pass over it.
    """
    found = []
    first: dict[str, dict[str, Any]] = {}
    for each in sorted(rendered, key=lambda each: each["template"] != each["in"]):
        if each["key"] in manifest:
            first.setdefault(each["key"], each)
    seen: set[str] = set()
    placeholder = str(compressor_setting("COMPRESS_URL_PLACEHOLDER", "\0"))
    for key, place in first.items():
        value = str(manifest[key]).replace(placeholder, str(compressor_setting("COMPRESS_URL")))
        for name in lost_attributes(texts[key], value):
            found.append(dict(place, file=None, what="attribute", name=name))
        for inline in _STYLE.findall(value):
            for what, name in wrong_links(inline, None):
                found.append(dict(place, file=None, what=what, name=name))
        for file in {below_root(_attributes(tag).get("href", ""), "") for _, tag in _tags(value)}:
            if file and file.endswith(".css") and file not in seen:
                seen.add(file)
                text = text_below_root(file)
                for what, name in wrong_links(text, os.path.dirname(file)):
                    found.append(dict(place, file=file, what=what, name=name))
    return found


def text_below_root(file: str) -> str:
    """Return the text of a file; none where there is no such file: the seal says so."""
    path = os.path.join(str(compressor_setting("COMPRESS_ROOT")), file)
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def lost_attributes(text: str, value: str) -> list[str]:
    """Return the attributes of a block's elements that its value has in none, as they are written."""
    kept = {name for _, tag in _tags(value) for name in _attributes(tag)}
    precompiled = {str(kind) for kind, _ in compressor_setting("COMPRESS_PRECOMPILERS", ())}
    lost: dict[str, None] = {}
    for kind, tag in _tags(text):
        for name, given in _attributes(tag).items():
            is_plain = name == "type" and (_PLAIN_TYPES.fullmatch(given) or given in precompiled)
            if name not in _READ and not is_plain and (name == "type" or name not in kept):
                lost[f'{name}="{given}" of <{kind}>' if given else f"{name} of <{kind}>"] = None
    return list(lost)


def _tags(html: str) -> list[tuple[str, str]]:
    return [(kind.lower(), tag) for kind, tag in _TAG.findall(html)]


def _attributes(tag: str) -> dict[str, str]:
    return {name.lower(): value.strip("\"'") for name, value in _ATTRIBUTE.findall(tag)}


def wrong_links(text: str, folder: str | None) -> Iterator[tuple[str, str]]:
    """Yield ("import", "url" or "late", URL) of each link of a stylesheet that does not work.

    Args:
        text: the stylesheet.
        folder: where it lies below the static root; None where it stands in pages.
    """
    root = str(compressor_setting("COMPRESS_ROOT"))
    told: set[tuple[str, str]] = set()
    begun = False
    for match in _SCANNED.finditer(text):
        begun = begun or bool(match.group("brace"))
        url = next((each for each in match.group("a", "b", "c", "d", "e", "f") if each), "").strip()
        is_import = bool(match.group("import"))
        what = "late" if is_import and begun else ""
        target = below_root(url, folder) if url and not what else None
        if target is not None and not os.path.exists(os.path.join(root, target)):
            what = "import" if is_import else "url"
        if what and (what, url) not in told:
            told.add((what, url))
            yield what, url


def below_root(url: str, folder: str | None) -> str | None:
    """Return the path below the static root that a URL names; None where it leads elsewhere.

    Args:
        url: as a page or a stylesheet has it.
        folder: of the stylesheet, below the root; None where it stands in pages.
    """
    from urllib.parse import unquote

    names = ("COMPRESS_URL", "STATIC_URL")
    prefixes = sorted(
        {str(compressor_setting(name, "") or "") for name in names} - {"", "/"}, key=len
    )
    path = unquote(re.split(r"[?#]", url)[0])
    for prefix in reversed(prefixes):
        if path.startswith(prefix):
            return os.path.normpath(path[len(prefix) :].lstrip("/"))
    if (
        folder is None
        or not path
        or path.startswith("/")
        or re.match(r"[a-z][a-z0-9+.-]*:", path, re.IGNORECASE)
    ):
        return None
    path = os.path.normpath(os.path.join(folder, path))
    return None if path.startswith("..") else path


def compressor_setting(name: str, default: Any = None) -> Any:
    """Return a setting, compressor's defaults applied."""
    from compressor.conf import settings

    return getattr(settings, name, default)


# --- coverage ------------------------------------------------------------------------------------


class Coverage:
    """What the walk found."""

    def __init__(
        self,
        manifest: Mapping[str, Any],
        languages: tuple[str, ...] = (),
        other_cdn: str | None = None,
    ) -> None:
        self.manifest = manifest
        self.languages = languages
        self.other_cdn = other_cdn
        self.with_cdn: list[dict[str, Any]] = []
        self.templates = 0
        self.blocks = 0
        self.missing: list[dict[str, Any]] = []
        self.failed: list[dict[str, Any]] = []
        self.broken: list[dict[str, Any]] = []
        self.rendered: list[dict[str, Any]] = []
        self.texts: dict[str, str] = {}
        self._forms: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self.varying: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.passed_over: list[dict[str, Any]] = []
        self.handed_over: list[dict[str, Any]] = []
        self.met: set[tuple[Any, ...]] = set()
        self._failed: set[tuple[Any, ...]] = set()
        self._unfilled: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._watched: set[tuple[Any, ...]] = set()
        self._placed: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._surrounded: dict[tuple[Any, ...], tuple[tuple[Any, ...], str, str]] = {}
        self.set_around: dict[tuple[Any, ...], dict[str, str]] = {}  # by pages that include it
        self._given: dict[str, Callable[[str], bool]] = {}
        self._in_language: dict[tuple[Any, ...], dict[str, Any] | None] = {}

    def walk(self, engine: Engine, contexts: list[Any]) -> None:
        """Walk all templates of one engine."""
        self._given[engine.kind] = lambda name: any(
            engine.is_given(name, values) for values in contexts
        )
        for name in engine.names:
            try:
                template = engine.parse(name)
            except Exception as error:  # tags of the project raise what they like
                self.is_broken(engine, name, error)
                continue
            self.templates += 1
            errors: list[Exception] = []
            for number, values in enumerate(contexts):
                try:
                    self.walk_template(engine, name, template, number, values)
                except Exception as error:
                    errors.append(error)
            if errors and len(errors) == len(contexts):  # a parent may be named by one context only
                self.is_broken(engine, name, errors[0])

    def walk_template(
        self, engine: Engine, name: str, template: Any, number: int, values: Any
    ) -> None:
        """Look up each block of a template in one offline context."""
        from compressor.cache import get_offline_hexdigest
        from django.template import Context

        parser = engine.parser
        context = Context(parser.get_init_context(values))
        found = engine.nodes(template, context)
        for node, around in found:
            if around.is_included:
                once = (engine.kind, *engine.place(name, -1, node))
                self.set_around.setdefault(once, {}).update(around.names)
                self.surround(engine, once, template, number, values, node, around)
        blocks = [(node, around) for node, around in found if not around.is_included]
        for at, (node, around) in enumerate(blocks):
            self.blocks += 1
            self.met.add(engine.place(name, at, node))
            once = (engine.kind, *engine.place(name, at, node))
            place = {
                "engine": engine.kind,
                "template": name,
                "block": at,
                "line": line_of(node),
                "in": origin_of(node) or name,
                "context": number,
            }

            def rendered(node: Any = node) -> tuple[str, str]:
                context.push()
                try:
                    parser.process_template(template, context)
                    parser.process_node(template, context, node)
                    text = parser.render_nodelist(template, context, node)
                    return text, get_offline_hexdigest(text)
                finally:
                    context.pop()

            try:
                with Heard() as heard:
                    text, key = rendered()
                if self.other_cdn is not None and key not in self.texts:
                    with static_cdn(self.other_cdn):
                        if rendered()[0] != text:
                            self.with_cdn.append(dict(place, text=text[:TEXT_LIMIT]))
            except Exception as error:  # what a page would answer 500 with
                told = f"{type(error).__name__}: {error}"
                if (engine.kind, name, at, told) not in self._failed:
                    self._failed.add((engine.kind, name, at, told))
                    self.failed.append(dict(place, error=told))
                continue
            if key not in self.texts and key not in self.manifest:
                self.missing.append(dict(place, key=key, text=text[:TEXT_LIMIT]))
            self.texts[key] = text[:TEXT_LIMIT]
            self.rendered.append(dict(place, key=key))
            self._placed.setdefault(once, place)
            self.surround(engine, once, template, number, values, node, around)
            if (*once, number, key) not in self._watched:  # the same block of many pages
                self._watched.add((*once, number, key))
                with suppress(Exception):  # it did not fail the first time
                    again = engine.again(template, values, context, node)
                    self.watch(once, place, text, again, around.names)
            self._forms.setdefault(key, {}).setdefault(engine.form(node), place)
            if heard.language:
                self.in_languages(place, rendered)

    def surround(
        self,
        engine: Engine,
        once: tuple[Any, ...],
        template: Any,
        number: int,
        values: Any,
        node: Any,
        around: Around,
    ) -> None:
        """Look a block up as the tags around it have pages render it."""
        from compressor.cache import get_offline_hexdigest

        at = (*once, number, around.place)
        if at in self._watched:
            return
        self._watched.add(at)
        with suppress(Exception):  # a block that fails is told
            found = engine.otherwise(
                template,
                values,
                node,
                around,
                lambda text: get_offline_hexdigest(text) in self.manifest,
            )
            if found is not None:
                self._surrounded.setdefault((*once, found[0]), (once, *found))

    def surrounded(self) -> list[dict[str, Any]]:
        """Return the blocks that are another text within a tag around them; not those with variables it sets."""
        set_by = [(told["in"], told["line"]) for told in self.unfilled() if told["set_by"]]
        return [
            dict(self._placed[once], tag=tag, text=text[:TEXT_LIMIT])
            for once, tag, text in self._surrounded.values()
            if once in self._placed
            and (self._placed[once]["in"], self._placed[once]["line"]) not in set_by
        ]

    def in_languages(
        self, place: Mapping[str, Any], rendered: Callable[[], tuple[str, str]]
    ) -> None:
        """Look a block up as visitors of each other language get it."""
        from django.utils import translation

        for language in self.languages:
            at = (place["engine"], place["template"], place["block"], language)
            if self._in_language.get(at, place) is None:  # another context has it
                continue
            with translation.override(language), suppress(Exception):
                text, key = rendered()
                gap = dict(place, language=language, key=key, text=text[:TEXT_LIMIT])
                self._in_language[at] = None if key in self.manifest else gap

    def untranslated(self) -> list[dict[str, Any]]:
        """Return the blocks that no offline context has built for a language the site speaks."""
        return [gap for gap in self._in_language.values() if gap]

    def watch(
        self,
        once: tuple[Any, ...],
        place: Mapping[str, Any],
        text: str,
        again: Rendering,
        around: Mapping[str, str],
    ) -> None:
        """Note what a block depends on besides the offline context: other variables, clock, chance."""
        if again.names:
            told = self._unfilled.setdefault(once, dict(place, variables=[], set_by={}))
            told["variables"] = sorted({*told["variables"], *again.names})
            for name in again.names:
                root = name.split(".")[0]
                if root in around:
                    told["set_by"][name] = around[root]
        if again.asked or again.text != text:
            told = self.varying.setdefault(once, dict(place, asks=[]))
            told["asks"] = sorted({*told["asks"], *again.asked})

    def set_by_users(self, engine: Jinja2Engine) -> None:
        """Note which variables of a block the templates set that include or extend its template."""
        for told in self._unfilled.values():
            names = engine.set_for(told["in"]) if told["engine"] == engine.kind else {}
            for name in told["variables"]:
                if name in names:
                    told["set_by"].setdefault(name, names[name])

    def account(self, engine: Engine, contexts: list[Any], parsed: Parsed) -> None:
        """Look for the blocks that were parsed and that no walk has met: compress has not built them."""
        broken = {each["template"] for each in self.broken}
        for once, told in self._unfilled.items():
            for name in told["variables"] if once[0] == engine.kind else ():
                tag = self.set_around.get(once, {}).get(name.split(".")[0])
                if tag is not None:
                    told["set_by"].setdefault(name, tag)
                if name.split(".")[0] in parsed.included.get(told["in"], ()):
                    told["set_by"].setdefault(name, "include")
        is_offline = compressor_setting("COMPRESS_ENABLED") and compressor_setting(
            "COMPRESS_OFFLINE"
        )
        handed = parsed.handed.values() if is_offline else ()
        for noted in [*parsed.blocks.values(), *handed]:
            if noted.place in self.met or noted.template in broken or noted.is_dead(contexts):
                continue
            place = {
                "engine": engine.kind,
                "template": noted.template,
                "in": noted.template,
                "line": noted.line,
            }
            if noted.node is None:
                self.handed_over.append(dict(place, tag=noted.tag))
            elif noted.node.is_offline_compression_enabled(forced=False):
                self.blocks += 1
                gap = self.passed_over_in(engine, contexts, noted)
                if gap is not None:
                    self.passed_over.append({**place, **gap, "tag": noted.tag})

    def passed_over_in(
        self, engine: Engine, contexts: list[Any], noted: Noted
    ) -> dict[str, Any] | None:
        """Return the first text of a block that has no key in the manifest, or why it renders none."""
        from compressor.cache import get_offline_hexdigest
        from django.template import Context, Template

        gaps: list[dict[str, Any]] = []
        for number, values in enumerate(contexts):
            context = Context(engine.parser.get_init_context(values))
            try:
                template = noted.template_of() or Template("")
                text = engine.parser.render_nodelist(template, context, noted.node)
                key = get_offline_hexdigest(text)
            except Exception as error:  # what a page would answer 500 with
                gaps.append({"context": number, "error": f"{type(error).__name__}: {error}"})
                continue
            self.texts[key] = text[:TEXT_LIMIT]
            if key not in self.manifest:
                gaps.append({"context": number, "key": key, "text": text[:TEXT_LIMIT]})
        return gaps[0] if gaps else None

    def unfilled(self) -> list[dict[str, Any]]:
        """Return the blocks that use what no offline context gives: pages that do ask for other keys."""
        found = []
        for told in self._unfilled.values():
            is_given = self._given[told["engine"]]
            names = [name for name in told["variables"] if not is_given(name)]
            if names:
                set_by = {name: tag for name, tag in told["set_by"].items() if name in names}
                found.append(dict(told, variables=names, set_by=set_by))
        return found

    def places(self) -> list[dict[str, Any]]:
        """Return each block of a template once, however many pages render it, with its keys."""
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        met: set[tuple[Any, ...]] = set()
        for each in self.rendered:
            at = (each["in"], each["line"], each["context"])
            page = (each["engine"], each["template"])
            number = 0  # several may stand in one line
            while (*page, *at, number) in met:
                number += 1
            met.add((*page, *at, number))
            place = {name: each[name] for name in ("in", "line", "block", "context")}
            known = found.setdefault((*at, number), dict(place, keys={}))
            known["block"] = min(known["block"], each["block"])
            template = known["keys"].setdefault(each["key"], each["template"])
            known["keys"][each["key"]] = min(template, each["template"])
        return list(found.values())

    def ambiguous(self) -> list[dict[str, Any]]:
        """Return blocks of one text, and so one key, that ask for different output.

        compress keeps what it made first, by chance: a page may get a link in place of inline code.
        """
        return [
            {
                "key": key,
                "blocks": [
                    dict(place, form=" ".join(str(word) for word in form if word))
                    for form, place in forms.items()
                ],
            }
            for key, forms in self._forms.items()
            if len(forms) > 1
        ]

    def is_broken(self, engine: Engine, name: str, error: Exception) -> None:
        """Note a template that cannot be parsed, with whether that matters."""
        self.broken.append(
            {
                "engine": engine.kind,
                "template": name,
                "error": f"{type(error).__name__}: {error}",
                "has_compress": engine.has_compress(name),
            }
        )


class Heard:
    """Notices whether something asks for the language: django.utils.translation keeps it in one place."""

    def __init__(self) -> None:
        self.language = False

    def __enter__(self) -> Heard:
        heard = self
        self._names = vars(import_module("django.utils.translation.trans_real"))
        self._active: Any = self._names.get("_active")

        class Active:
            def __getattr__(_, name: str) -> Any:  # noqa: N805
                heard.language = True
                return getattr(heard._active, name)

            def __setattr__(_, name: str, value: Any) -> None:  # noqa: N805
                setattr(heard._active, name, value)

            def __delattr__(_, name: str) -> None:  # noqa: N805
                delattr(heard._active, name)

        if self._active is not None:
            self._names["_active"] = Active()
        return self

    def __exit__(self, *_: object) -> None:
        if self._active is not None:
            self._names["_active"] = self._active


def languages() -> tuple[str, ...]:
    """Return the languages that a page may be asked for in, besides the one that compress speaks."""
    from django.conf import settings

    if not settings.USE_I18N or not any("LocaleMiddleware" in name for name in settings.MIDDLEWARE):
        return ()
    return tuple(code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE)


@contextmanager
def static_cdn(value: str) -> Iterator[None]:
    """Render as if STATIC_CDN were another one."""
    from django.conf import settings

    before = getattr(settings, "STATIC_CDN", "")
    settings.STATIC_CDN = value
    try:
        yield
    finally:
        settings.STATIC_CDN = before


def files_with_cdn() -> list[str]:
    """Return the scripts and style sheets below the static root that name STATIC_CDN."""
    from django.conf import settings

    cdn = str(getattr(settings, "STATIC_CDN", "") or "").encode()
    found = []
    for parent, _, names in os.walk(absolute(settings.STATIC_ROOT) or "") if cdn else ():
        for name in names:
            path = os.path.join(parent, name)
            if name.endswith((".js", ".mjs", ".css", ".json")):
                with open(path, "rb") as stream:
                    if cdn in stream.read():
                        found.append(os.path.relpath(path, settings.STATIC_ROOT))
    return sorted(found)


def relative_inline(manifest: Mapping[str, str]) -> list[str]:
    """Return the keys of style elements whose url() is relative: it leads elsewhere on each page."""
    return sorted(
        key
        for key, text in manifest.items()
        if "<style" in text and re.search(r"""url\(\s*['"]?\.""", text)
    )


def offline_manifest(path: str | None) -> dict[str, Any]:
    """Return the manifest in a file, or the one that this project's pages would read.

    A link where theirs stands may lead nowhere yet: no release with a manifest was live. That is an empty one.
    """
    from compressor.cache import get_offline_manifest

    try:
        if path is None:
            try:
                return dict(get_offline_manifest())
            except FileNotFoundError:
                return {}
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


class Templates:
    """The templates of Django's own language, in every loader of the project."""

    def __init__(self) -> None:
        from django.template import engines as backends

        self.loaders: list[Any] = []
        for backend in backends.all():
            if hasattr(backend, "engine"):
                self.loaders += unwrapped(backend.engine.template_loaders)
        self.names = sorted({name for loader in self.loaders for name in names_of(loader)})

    def find(self, name: str) -> tuple[str, str]:
        """Return a template's text, and the file or other place that it comes from.

        Raises:
            LookupError: no loader has it.
            UnicodeDecodeError: it is not in the encoding that pages read it in: an image, perhaps.
        """
        for loader in self.loaders:
            for origin in loader.get_template_sources(name):
                try:
                    return str(loader.get_contents(origin)), str(origin.name)
                except UnicodeDecodeError:
                    raise
                except Exception:  # noqa: S112  # not there
                    continue
        raise LookupError(name)

    def source(self, name: str) -> str:
        """Return a template's text, whatever its encoding."""
        try:
            return self.find(name)[0]
        except UnicodeDecodeError as error:
            return text_of(error)


def engines() -> Iterator[Engine]:
    """Yield the template languages of the project that compressor knows."""
    import copy

    from compressor.conf import settings
    from compressor.offline import django as offline

    def copied(node: Any) -> Any:
        twin = copy.copy(node)
        if hasattr(twin, "conditions_nodelists"):
            twin.conditions_nodelists = list(twin.conditions_nodelists)
        return twin

    # compressor replaces a child's blocks below an `if` of the *cached* parent: every later page then
    # seems to hold the first child's blocks (copy() shares that list); pages render without this
    offline.copy = copied
    charset = getattr(settings, "FILE_CHARSET", None) or "utf-8"
    templates = Templates()
    yield Engine(
        "django",
        offline.DjangoParser(charset=charset),
        [name for name in templates.names if is_walked(name, templates.source)],
        templates.source,
    )

    environments = jinja2_environments()
    if not environments:
        return
    from compressor.offline.jinja2 import Jinja2Parser

    for environment in environments:
        if Jinja2Parser.COMPRESSOR_ID not in environment.extensions or not environment.loader:
            continue
        texts = jinja2_texts(environment, of_any_encoding=True)
        parser = Jinja2Parser(charset=charset, env=environment)
        engine = Jinja2Engine("jinja2", parser, [], texts.__getitem__)
        engine.names = [name for name, text in texts.items() if is_page(name) or engine.is_in(text)]
        yield engine


def jinja2_environments() -> list[Any]:
    """Return the Jinja2 environments that pages are rendered in: the one compress uses, and the rest.

    Raises:
        ProbeError: the project's own COMPRESS_JINJA2_GET_ENVIRONMENT fails, as compress would.
    """
    from compressor.conf import settings
    from django.template import engines as backends
    from django.template.utils import InvalidTemplateEngineError

    found = [backend.env for backend in backends.all() if hasattr(backend, "env")]
    get = getattr(settings, "COMPRESS_JINJA2_GET_ENVIRONMENT", None)
    try:
        own = get() if get else None
    except (
        InvalidTemplateEngineError,
        ImportError,
    ):  # no Jinja2 under that name, as in most projects
        own = None
    except Exception as error:
        raise ProbeError(
            f"COMPRESS_JINJA2_GET_ENVIRONMENT failed: {type(error).__name__}: {error}",
            place_of(error),
            "correct that function: manage.py compress --engine jinja2 needs it too",
        ) from error
    if own is not None and not any(own is each for each in found):
        found.append(own)
    return [each for each in found if hasattr(each, "list_templates") and each.loader]


def jinja2_texts(environment: Any, *, of_any_encoding: bool = False) -> dict[str, str]:
    """Return the text of every template that an environment's loader can list."""
    texts: dict[str, str] = {}
    try:
        names = environment.list_templates()
    except Exception:  # a loader that cannot list its own
        return texts
    for name in sorted(names):
        with suppress(Exception):
            try:
                texts[name] = environment.loader.get_source(environment, name)[0]
            except UnicodeDecodeError as error:
                if of_any_encoding:
                    texts[name] = text_of(error)
    return texts


def is_walked(name: str, source: Callable[[str], str]) -> bool:
    """Is it a page, for compress by its name, or else a template that may ask for a compress block?"""
    if is_page(name):
        return True
    try:
        text = source(name)
    except LookupError:
        return False
    return bool(
        _COMPRESS.search(text)
        or _MAY_EXTEND.search(text)
        or ("processor" in text and _HANDED.search(text))
    )


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
        seen = set()
        for parent, within, files in os.walk(folder, followlinks=True):  # as pages do
            if os.path.realpath(parent) in seen:
                within.clear()
                continue
            seen.add(os.path.realpath(parent))
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


# --- ask: lint -----------------------------------------------------------------------------------


def ask_lint(_: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the project's own templates spend on requests; see template_lint.lint."""
    from django.conf import settings
    from django.contrib.staticfiles import finders
    from django.contrib.staticfiles.storage import HashedFilesMixin, staticfiles_storage

    template_lint = import_module("template_lint")
    templates = Templates()
    sources = {}
    own = []
    for name in templates.names:
        with suppress(LookupError, UnicodeDecodeError):
            sources[name], place = templates.find(name)
            if is_own(place):
                own.append(name)
    for environment in jinja2_environments() if compress_settings() else []:
        for name, text in jinja2_texts(environment).items():
            if name not in sources and is_own(
                str(environment.loader.get_source(environment, name)[1] or "")
            ):
                sources[name] = text
                own.append(name)

    def style(name: str) -> str | None:
        try:
            with open(str(finders.find(name)), encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except Exception:  # a name that no finder knows, or refuses
            return None

    answer: dict[str, Any] = template_lint.lint(
        own,
        sources,
        style=style,
        static_url=str(settings.STATIC_URL or ""),
        versioning=versioning_libraries(),
        is_hashed=isinstance(staticfiles_storage, HashedFilesMixin),
    )
    return answer


def is_own(place: str) -> bool:
    """Is this template the project's, not a library's? One without a file is the project's."""
    if not os.path.isfile(place):
        return True
    real = os.path.realpath(place)
    if "site-packages" in real or "dist-packages" in real or "node_modules" in real:
        return False
    folders = {os.getcwd(), base_dir() or os.getcwd()}
    return any(real.startswith(os.path.realpath(folder) + os.sep) for folder in folders)


def versioning_libraries() -> list[str]:
    """Return the tag libraries that have a `static` of their own, as CommCare HQ and fab_static do.

    Where every template has such a library without `{% load %}`, the list holds "" too.
    """
    from django.template import engines as backends

    plain = {"django.templatetags.static", "django.contrib.staticfiles.templatetags.staticfiles"}
    found = []
    for backend in backends.all():
        if not hasattr(backend, "engine"):
            continue
        modules = dict(backend.engine.libraries)
        modules.update(("", builtin) for builtin in backend.engine.builtins if builtin not in plain)
        for library, module in modules.items():
            with suppress(Exception):
                register = import_module(module).register
                if module not in plain and "static" in {**register.tags, **register.filters}:
                    found.append(library)
    return found


ANSWERS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "settings": ask_settings,
    "sources": ask_sources,
    "find": ask_find,
    "shadowed": ask_shadowed,
    "unlisted": ask_unlisted,
    "collected": ask_collected,
    "faults": ask_faults,
    "coverage": ask_coverage,
    "lint": ask_lint,
}

if __name__ == "__main__":
    main()
