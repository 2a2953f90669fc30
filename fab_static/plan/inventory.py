"""Text of an inventory -> Environment: hosts, roles, paths, cdn; every problem at once, with its place and cure."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from fab_static.errors import InventoryError
from fab_static.plan.build_order import BUILD_PHASES
from fab_static.plan.precompressed import ENDINGS
from fab_static.plan.release import Layout

SSE = ("AES256", "aws:kms", "aws:kms:dsse")
ACLS = ("bucket-owner-full-control", "private", "public-read")
ROLES = ("build", "static", "web")
HOOKS = ("before_deploy", "after_activate", "after_failure")
MAX_NODES = 100_000  # an inventory that aliases expand beyond this is a bomb, not a fleet

MAX_NUMBER = 10**15
FOLDER = "{folder}"  # the fabfile's: only this machine has it

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KMS_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[\w/-]+", re.ASCII)
_ACCESS_POINT = re.compile(
    r"arn:aws[a-z-]*:s3:[a-z0-9-]+:[0-9]{12}:accesspoint/[a-z0-9-]+", re.ASCII
)
_DURATION = re.compile(r"([0-9]{1,9})\s*([smhdw]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True)
class Host:
    """One machine: reached over SSH, or this one (`local`)."""

    name: str
    address: str
    roles: tuple[str, ...]
    port: int | None = None  # None: as ~/.ssh/config says, else 22
    user: str | None = None  # None: ssh.user
    local: bool = False


@dataclass(frozen=True)
class Ssh:
    """How hosts are reached; times in seconds."""

    user: str | None = None
    identity: str | None = None
    known_hosts: str | None = None
    gateway: str | None = None
    become: str | None = None
    python: str = "python3"  # what the agent runs in
    connect_timeout: float = 10
    command_timeout: float = 1800
    parallel: int = 32


@dataclass(frozen=True)
class Project:
    """The Django project's checkout, on build and web hosts."""

    path: str
    python: str = "python3"
    settings: str | None = None  # None: manage.py's own default
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()  # names, their values come from the operator's environment


@dataclass(frozen=True)
class Build:
    """Which phases build the release, with which commands where not the usual ones; encodings made."""

    phases: tuple[str, ...] = BUILD_PHASES
    commands: Mapping[str, str] = field(default_factory=dict)
    precompress: tuple[str, ...] = ("gzip",)
    trust: tuple[str, ...] = ()  # native modules that read nothing unseen


@dataclass(frozen=True)
class Web:
    """What happens on web hosts at the flip."""

    reload: str | None = None
    check: str | None = None
    running: str | None = (
        None  # answered by fab_static.django_app: which release the process has read
    )
    batch: str = "100%"
    confirm_timeout: float = 30


@dataclass(frozen=True)
class Cdn:
    """A CloudFront distribution."""

    distribution_id: str
    domain: str | None = None
    wait: float = 600
    endpoint_url: str | None = None
    timeout: float = 10  # seconds to wait for one answer

    @property
    def url(self) -> str | None:
        """The base URL that visitors fetch from: of a bare domain, https."""
        if self.domain is None or "://" in self.domain:
            return self.domain and self.domain.rstrip("/")
        return f"https://{self.domain}"


@dataclass(frozen=True)
class Probe:
    """What is asked over HTTP after the flip."""

    pages: tuple[str, ...] = ()
    origin: str | None = None  # how a static host is asked directly: "http://{address}:8080"
    timeout: float = 10


@dataclass(frozen=True)
class Notify:
    """Who is told how a deploy or rollback ended."""

    webhook: str | None = None  # a URL, or $NAME: it stands in the operator's environment


@dataclass(frozen=True)
class S3:
    """A bucket, or what lies below a prefix of one."""

    bucket: str
    prefix: str = ""  # "" or with a slash at its end; for an origin it stands for STATIC_URL
    region: str | None = None  # None: as the AWS configuration says
    endpoint_url: str | None = None  # None: Amazon's own
    checksum: bool = True  # send x-amz-checksum-sha256; some S3-compatible stores know none
    sse: str | None = None  # the encryption that each write asks for: one of SSE
    sse_key: str | None = None  # the ARN of the KMS key; None: Amazon's own
    acl: str | None = None  # the canned ACL that each write carries
    owner: str | None = None  # the account that the bucket must belong to
    version_function: bool = False  # the distribution rewrites `?version=` to the pool's keys
    cache_tags: bool = False  # objects carry tags, and the distribution reads them

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True)
class Environment:
    """One file of inventories/: who takes part in a deploy, and how."""

    name: str
    app: str
    deploy_to: str
    hosts: tuple[Host, ...]
    project: Project
    ssh: Ssh = Ssh()
    build: Build = Build()
    web: Web = Web()
    cdn: Cdn | None = None
    origin: S3 | None = None  # instead of, or besides, static hosts
    hub: S3 | None = None  # bytes go up once, hosts fetch what they lack; None: over SSH
    probe: Probe = Probe()
    notify: Notify = Notify()
    report: S3 | None = None  # each run's report is put there, besides the operator's machine
    keep_releases: int = 5
    keep_for_seconds: int = 7 * 86400
    confirm: bool = False
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hooks_timeout: float = 300  # seconds that each hook may take

    def with_role(self, *roles: str) -> tuple[Host, ...]:
        """Return the hosts that have any of the roles, in the inventory's order."""
        return tuple(host for host in self.hosts if set(roles) & set(host.roles))

    @property
    def build_host(self) -> Host:
        """The one host that builds; it also keeps the lock, the journal and the log."""
        return self.with_role("build")[0]

    def layout(self, host: Host) -> Layout:
        """Return the paths below `deploy_to` on this host."""
        return Layout(PurePosixPath(expand(self.deploy_to, host)))


def expand(text: str, host: Host) -> str:
    """Return the text with `{host}` and `{address}` put in; any other brace stays as it is."""
    return text.replace("{host}", host.name).replace("{address}", host.address)


def expand_url(text: str, host: Host) -> str:
    """Return the URL with `{host}` and `{address}` put in; an IPv6 address gets its brackets (RFC 3986)."""
    if ":" in host.address and "[{address}]" not in text:
        text = text.replace("{address}", f"[{host.address}]")
    return expand(text, host)


def beside(environment: Environment, folder: Path) -> Environment:
    """Return the environment with its files found.

    Key files with relative paths are beside the inventory, in `folder`; `{folder}` is the one above,
    which holds the fabfile.
    """
    ssh = environment.ssh

    def here(text: str) -> str:
        return text.replace(FOLDER, str(folder.parent))

    def found(path: str | None) -> str | None:
        return path and str(folder / Path(path).expanduser())

    ssh = replace(ssh, identity=found(ssh.identity), known_hosts=found(ssh.known_hosts))
    project = replace(
        environment.project,
        path=here(environment.project.path),
        python=here(environment.project.python),
        environment={key: here(value) for key, value in environment.project.environment.items()},
    )
    return replace(environment, ssh=ssh, project=project, deploy_to=here(environment.deploy_to))


def parse(text: str, *, name: str, source: str) -> Environment:
    """Return the environment that an inventory describes.

    Args:
        text: the YAML.
        name: the environment's name, which is the file's name without its ending.
        source: the file as the operator knows it, for messages.

    Raises:
        InventoryError: listing every problem of the file, each with its place and its cure.
    """
    problems: list[str] = []
    data, lines = _load(text, problems)
    root = _Section(data, "", problems, lines)
    environment = _environment(root, name) if not problems else None
    if problems:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InventoryError(
            f"the inventory has {count}:\n" + "\n".join(f"  - {problem}" for problem in problems),
            where=source,
            mend="correct the file; inventories/example.yml documents every key",
        )
    assert environment is not None  # noqa: S101 - without problems every section was read
    return environment


def _environment(root: _Section, name: str) -> Environment:
    if not _NAME.fullmatch(name):
        root.problem("", f'"{name}" is no name for an environment: letters, digits, . _ - only')
    origin = _origin(root.section("origin"))
    hooks, hooks_timeout = _hooks(root.section("hooks"))
    environment = Environment(
        name=name,
        app=root.name("app"),
        deploy_to=root.absolute("deploy_to"),
        hosts=_hosts(root, has_origin=origin is not None),
        project=_project(root.section("project", required=True)),
        ssh=_ssh(root.section("ssh")),
        build=_build(root.section("build")),
        web=_web(root.section("web")),
        cdn=_cdn(root.section("cdn")),
        origin=origin,
        hub=_hub(root.section("distribute"), origin),
        probe=_probe(root.section("probe")),
        keep_releases=root.integer("keep_releases", 5, least=1),
        keep_for_seconds=root.duration("keep_for", 7 * 86400),
        confirm=root.boolean("confirm", default=False),
        hooks=hooks,
        hooks_timeout=hooks_timeout,
        notify=_notify(root.section("notify")),
        report=_report(root.section("report")),
    )
    root.close()
    _folder_is_here(root, environment)
    return environment


def _folder_is_here(root: _Section, environment: Environment) -> None:
    if all(host.local for host in environment.hosts):
        return
    project = environment.project
    texts = {"deploy_to": environment.deploy_to, "project.path": project.path}
    texts["project.python"] = project.python
    texts |= {f"project.environment.{key}": value for key, value in project.environment.items()}
    for key, value in texts.items():
        if FOLDER in value:
            root.problem(key, f"{FOLDER} is this machine's; hosts over SSH need the whole path")


def _hosts(root: _Section, *, has_origin: bool) -> tuple[Host, ...]:
    section = root.section("hosts", required=True)
    hosts = []
    for name in section.keys():  # noqa: SIM118 - not a dict: it reads the names as text
        if not _NAME.fullmatch(name):
            section.problem(name, "is no name for a host: letters, digits, . _ - only")
        entry = section.section(name, required=True)
        local = entry.boolean("local", default=False)
        hosts.append(
            Host(
                name=name,
                address=entry.text("address", name),
                port=entry.optional_integer("port", least=1, most=65535),
                user=entry.optional_text("user"),
                roles=entry.choices("roles", ROLES, what="role"),
                local=local,
            )
        )
        if local:
            for key in ("address", "port", "user"):
                if entry.has(key):
                    entry.problem(key, "has no meaning beside `local: true`; leave one of them out")
        entry.close()
    if section.present and not section.broken:
        _roles_are_held(section, hosts, has_origin=has_origin)
    return tuple(hosts)


def _roles_are_held(section: _Section, hosts: list[Host], *, has_origin: bool) -> None:
    held = {role: [host.name for host in hosts if role in host.roles] for role in ROLES}
    if len(held["build"]) > 1:
        section.problem(
            "",
            f"{' and '.join(held['build'])} both have the role build; exactly one host builds: "
            "take the role from the others",
        )
    for role, names in held.items():
        if names or (role == "static" and has_origin):
            continue
        instead = ", or name a bucket: origin.s3" if role == "static" else ""
        section.problem(
            "", f"no host has the role {role}; give it to one: `roles: [{role}]`{instead}"
        )


def _ssh(section: _Section) -> Ssh:
    ssh = Ssh(
        user=section.optional_text("user"),
        identity=section.optional_text("identity"),
        known_hosts=section.optional_text("known_hosts"),
        gateway=section.optional_text("gateway"),
        become=section.optional_text("become"),
        python=section.optional_text("python") or "python3",
        connect_timeout=section.number("connect_timeout", 10),
        command_timeout=section.number("command_timeout", 1800),
        parallel=section.integer("parallel", 32, least=1),
    )
    section.close()
    return ssh


def _project(section: _Section) -> Project:
    project = Project(
        path=section.absolute("path"),
        python=section.text("python", "python3"),
        settings=section.optional_text("settings"),
        environment=section.texts("environment"),
        secrets=section.list_of_text("secrets"),
    )
    for at, secret in enumerate(project.secrets):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", secret):
            section.problem(
                f"secrets[{at}]",
                "is no name of an environment variable; write the name, never the value",
            )
        if secret in project.environment:
            section.problem(f"secrets[{at}]", f"{secret} stands in environment too; keep one")
    section.close()
    return project


def _build(section: _Section) -> Build:
    phases = section.choices("phases", BUILD_PHASES, what="build phase", default=BUILD_PHASES)
    commands = section.texts("commands")
    for phase in commands:
        if phase not in BUILD_PHASES:
            section.problem(
                f"commands.{phase}", _no_such(phase, BUILD_PHASES, "build phase", "build phases")
            )
        elif problem := _of_command(commands[phase]):
            section.problem(f"commands.{phase}", problem)
    precompress = section.choices(
        "precompress", tuple(ENDINGS), what="encoding", default=("gzip",), may_be_empty=True
    )
    trust = section.list_of_text("trust")
    section.close()
    # the order follows from what phases read and write, not from the list
    ordered = tuple(phase for phase in BUILD_PHASES if phase in phases)
    return Build(ordered, commands, precompress, trust)


_OPERATORS = ";&|<>"  # of a shell


def _of_command(text: str) -> str | None:
    """Return what is wrong with a phase's command; None where nothing is."""
    if not text.strip():
        return "is empty; write the command, or leave the key out for the usual one"
    if text.split(maxsplit=1)[0] != "manage.py":
        return None  # a shell line: the shell reads it
    try:
        command = shlex.split(text)[1:]
        words = list(shlex.shlex(text, punctuation_chars=_OPERATORS))
    except ValueError as error:
        return f'"{text}" cannot be read: {str(error).lower()}'
    operator = next((word for word in words if set(word) <= set(_OPERATORS)), None)
    if operator is not None:
        return (
            f'"{text}" begins with manage.py, so no shell reads its {operator}; write the '
            "interpreter's whole path before each manage.py, and a shell reads the line"
        )
    if not command or command[0].startswith("-"):
        return f'"{text}" names no management command; write it after manage.py'
    return None


def _web(section: _Section) -> Web:
    batch = section.scalar("batch", "100%")
    if not re.fullmatch(r"[1-9]\d*|([1-9]\d?|100)%", batch):
        section.problem("batch", f'"{batch}" is neither a number of hosts nor a share such as 25%')
    web = Web(
        reload=section.optional_text("reload"),
        check=section.optional_text("check"),
        running=section.optional_text("running"),
        batch=batch,
        confirm_timeout=section.number("confirm_timeout", 30),
    )
    for key, url in (("check", web.check), ("running", web.running)):
        if url is not None and not re.match(r"https?://", url):
            section.problem(key, "must be a URL such as http://127.0.0.1:8000/health")
    section.close()
    return web


def _cdn(section: _Section) -> Cdn | None:
    if not section.present:
        return None
    cdn = Cdn(
        distribution_id=section.text("distribution_id"),
        domain=section.optional_text("domain"),
        wait=section.number("wait", 600, least=0),
        endpoint_url=section.optional_text("endpoint_url"),
        timeout=section.number("timeout", 10),
    )
    if cdn.domain and not re.fullmatch(r"(https?://)?[\w.-]+(:\d{1,5})?/?", cdn.domain, re.ASCII):
        section.problem(
            "domain", "must be a host such as d111111abcdef8.cloudfront.net, without a path"
        )
    section.close()
    return cdn


def _origin(section: _Section) -> S3 | None:
    if not section.present:
        return None
    endpoint_url = _endpoint(section)
    place = _s3(section.section("s3", required=True), endpoint_url, is_origin=True)
    section.close()
    return place


def _hub(section: _Section, origin: S3 | None) -> S3 | None:
    """Return the bucket that hosts fetch from: its own, else the origin's; None where bytes go over SSH."""
    via = section.choice("via", ("ssh", "s3"), "ssh")
    place = origin
    if section.has("bucket"):
        place = _s3(section, _endpoint(section), is_origin=False)
    section.close()
    if via != "s3":
        if section.has("bucket"):
            section.problem("bucket", "has no meaning without `via: s3`")
        return None
    if place is None:
        section.problem(
            "via", "s3 needs a bucket: name it here (bucket, prefix, region) or as origin.s3"
        )
    return place


def _report(section: _Section) -> S3 | None:
    if not section.present:
        return None
    endpoint_url = _endpoint(section)
    bucket = section.section("s3", required=True)
    place = _s3(bucket, endpoint_url, is_origin=False)
    bucket.close()
    section.close()
    return place


def _endpoint(section: _Section) -> str | None:
    url = section.optional_text("endpoint_url")
    if url is not None and not re.match(r"https?://[^/?#]+/?\Z", url):
        section.problem("endpoint_url", "must be a URL such as https://minio.example.com:9000")
    return url


def _s3(section: _Section, endpoint_url: str | None, *, is_origin: bool) -> S3:
    prefix = section.optional_text("prefix") or ""
    if prefix.startswith("/") or "//" in prefix or {".", ".."} & set(prefix.split("/")):
        section.problem("prefix", f'"{prefix}" is no prefix; write it as static/, or leave it out')
    bucket = section.text("bucket")
    # Amazon S3 User Guide, "General purpose bucket naming rules"; older names had capitals
    is_name = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", bucket)
    if bucket and not is_name and not _ACCESS_POINT.fullmatch(bucket):
        section.problem(
            "bucket", f'"{bucket}" is no name of a bucket: its name alone, no s3:// nor /'
        )
    place = S3(
        bucket=bucket,
        prefix=prefix.strip("/") + "/" if prefix.strip("/") else "",
        region=section.optional_text("region"),
        endpoint_url=endpoint_url,
        checksum=section.boolean("checksum", default=True),
        version_function=is_origin and section.boolean("version_function", default=False),
        cache_tags=is_origin and section.boolean("cache_tags", default=False),
        **_demanded(section),
    )
    if place.sse_key and not (place.sse or "").startswith("aws:kms"):
        section.problem("sse_key", "has no meaning without `sse: aws:kms` or `aws:kms:dsse`")
    key_region = (place.sse_key or "").split(":")[3:4]
    if key_region and place.region and key_region != [place.region]:
        section.problem(
            "sse_key",
            f"is in {key_region[0]}; S3 wants a key of the bucket's region, {place.region}",
        )
    if is_origin:
        section.close()
    return place


def _demanded(section: _Section) -> dict[str, str | None]:
    """Return what each request carries because the bucket's policy demands it."""
    key, owner = section.optional_text("sse_key"), section.optional_text("owner")
    if key is not None and not _KMS_KEY.fullmatch(key):
        section.problem(
            "sse_key",
            f'"{key}" is no ARN of a KMS key: arn:aws:kms:REGION:ACCOUNT:key/ID, or …:alias/NAME',
        )
    if owner is not None and not re.fullmatch(r"[0-9]{12}", owner):
        section.problem("owner", f'"{owner}" is no AWS account: 12 digits, in quotes')
    return {
        "sse": section.choice("sse", SSE, SSE[0]) if section.has("sse") else None,
        "sse_key": key,
        "acl": section.choice("acl", ACLS, ACLS[0]) if section.has("acl") else None,
        "owner": owner,
    }


def _probe(section: _Section) -> Probe:
    probe = Probe(
        pages=section.list_of_text("pages"),
        origin=section.optional_text("origin"),
        timeout=section.number("timeout", 10),
    )
    for at, page in enumerate(probe.pages):
        if not re.match(r"https?://", page):
            section.problem(f"pages[{at}]", "must be a whole URL: https://shop.example.com/")
    section.close()
    return probe


def _notify(section: _Section) -> Notify:
    webhook = section.optional_text("webhook")
    if webhook is not None and not re.match(r"https?://|\$[A-Za-z_][A-Za-z0-9_]*$", webhook):
        section.problem("webhook", "must be a URL, or $NAME of a variable that holds one")
    section.close()
    return Notify(webhook)


def _hooks(section: _Section) -> tuple[dict[str, tuple[str, ...]], float]:
    hooks = {hook: section.list_of_text(hook) for hook in HOOKS}
    timeout = section.number("timeout", 300)
    section.close()
    return {hook: commands for hook, commands in hooks.items() if commands}, timeout


class _Section:
    """One mapping of the file: its keys are read by type, and what nobody read is unknown."""

    def __init__(
        self, data: Any, place: str, problems: list[str], lines: Mapping[str, int]
    ) -> None:
        self.place = place
        self.present = data is not None
        self.broken = self.present and not isinstance(data, dict)
        self._data: dict[Any, Any] = data if isinstance(data, dict) else {}
        self._read: set[str] = set()
        self._problems = problems
        self._lines = lines
        if self.broken:
            self.problem("", f"must be a mapping of keys, not {_shown(data)}")

    def problem(self, key: str, message: str) -> None:
        """Note a problem at this section's key; "" is the section itself."""
        place = ".".join(part for part in (self.place, key) if part)
        line = self._lines.get(place)
        at = f" (line {line})" if line else ""
        self._problems.append(f"{place}{at}: {message}" if place else message)

    def has(self, key: str) -> bool:
        return self._data.get(key) is not None

    def keys(self) -> Iterator[str]:
        for key in self._data:
            if isinstance(key, str):
                yield key
            else:
                self._read.add(str(key))
                self.problem(str(key), f"the name must be text; put it in quotes: '{key}'")

    def section(self, key: str, *, required: bool = False) -> _Section:
        self._read.add(key)
        data = self._data.get(key)
        if required and data is None and not self.broken:
            self.problem(key, "is missing")
            data = None
        place = f"{self.place}.{key}" if self.place else key
        return _Section(data, place, self._problems, self._lines)

    def close(self) -> None:
        """Report the keys that nobody asked for, with the nearest one that exists."""
        for key in self._data:
            if str(key) not in self._read:
                near = difflib.get_close_matches(str(key), sorted(self._read), n=1, cutoff=0.6)
                known = ", ".join(sorted(self._read))
                hint = f"did you mean `{near[0]}`?" if near else f"the keys here are {known}"
                self.problem(str(key), f"unknown key; {hint}")

    def _get(self, key: str, kinds: tuple[type, ...], words: str, default: Any) -> Any:
        self._read.add(key)
        value = self._data.get(key)
        if value is None:
            if default is _REQUIRED:
                if not self.broken and (self.present or not self.place):
                    self.problem(key, f"is missing; it must be {words}")
                return None
            return default
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.problem(key, f"must be {words}, not {_shown(value)}")
            return None if default is _REQUIRED else default
        if isinstance(value, int) and abs(value) > MAX_NUMBER:
            self.problem(key, f"must be {words} of 15 digits at most")
            return None if default is _REQUIRED else default
        return value

    def text(self, key: str, default: Any = None) -> str:
        value = self._get(key, (str,), "text", _REQUIRED if default is None else default)
        if value == "":
            self.problem(key, "is empty")
        return str(value) if value is not None else ""

    def optional_text(self, key: str) -> str | None:
        value = self._get(key, (str,), "text", "")
        return str(value) or None

    def scalar(self, key: str, default: str) -> str:
        return str(self._get(key, (str, int), "a number or text", default))

    def name(self, key: str) -> str:
        value = self.text(key)
        if value and not _NAME.fullmatch(value):
            self.problem(key, f'"{value}" is no name: letters, digits, . _ - only, 64 at most')
        return value

    def absolute(self, key: str) -> str:
        value = self.text(key)
        if not value:
            return "/"
        if value != FOLDER and not value.startswith(("/", f"{FOLDER}/")):
            self.problem(key, f'"{value}" is relative; write the whole path from /')
        elif "\0" in value or ".." in value.split("/"):
            self.problem(key, f'"{value}" must not hold ".."')
        elif not value.strip("/"):
            self.problem(key, "must not be the root of the file system; name a folder of its own")
        return str(PurePosixPath(value))

    def integer(self, key: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        value = self._get(key, (int,), "a whole number", default)
        if value < least or (most is not None and value > most):
            bounds = f"from {least} to {most}" if most is not None else f"of at least {least}"
            self.problem(key, f"must be a whole number {bounds}, not {value}")
        return int(value)

    def optional_integer(self, key: str, *, least: int, most: int) -> int | None:
        return self.integer(key, least, least=least, most=most) if self._note(key) else None

    def _note(self, key: str) -> bool:
        self._read.add(key)
        return self.has(key)

    def number(self, key: str, default: float, *, least: float = 0.001) -> float:
        value = self._get(key, (int, float), "a number of seconds", default)
        if not least <= value < 1e9:
            bound = "of at least 0" if least == 0 else "above 0"
            self.problem(key, f"must be a number of seconds {bound}, not {_shown(value)}")
            return default
        return float(value)

    def duration(self, key: str, default: int) -> int:
        value = self._get(key, (str, int), "a time such as 7d, 12h or 90s", default)
        match = _DURATION.fullmatch(str(value).strip())
        if not match:
            self.problem(key, f'"{value}" is no time; write 7d, 12h, 30m or 90s')
            return default
        return int(match[1]) * _SECONDS[match[2]]

    def boolean(self, key: str, *, default: bool) -> bool:
        return bool(self._get(key, (bool,), "true or false", default))

    def choice(self, key: str, known: tuple[str, ...], default: str) -> str:
        value = str(self._get(key, (str,), f"one of {', '.join(known)}", default))
        if value not in known:
            self.problem(key, _no_such(value, known, "choice", "choices"))
        return value

    def choices(
        self,
        key: str,
        known: tuple[str, ...],
        *,
        what: str,
        default: tuple[str, ...] | None = None,
        may_be_empty: bool = False,
    ) -> tuple[str, ...]:
        values = self.list_of_text(key)
        if not self.has(key):
            if default is None:
                if self.present and not self.broken:
                    self.problem(key, f"is missing; a list of {', '.join(known)}")
                return ()
            return default
        for at, value in enumerate(values):
            if value not in known:
                self.problem(f"{key}[{at}]", _no_such(value, known, what, f"{what}s"))
            elif value in values[:at]:
                self.problem(f"{key}[{at}]", f'"{value}" stands there twice')
        if not values and not may_be_empty and isinstance(self._data.get(key), list):
            self.problem(key, f"is empty; name at least one {what}")
        return values

    def list_of_text(self, key: str) -> tuple[str, ...]:
        values = self._get(key, (list, str), "a list of text", [])
        if isinstance(values, str):
            self.problem(key, f"must be a list: [{values}]")
            return ()
        for at, value in enumerate(values):
            if not isinstance(value, str):
                self.problem(f"{key}[{at}]", f"must be text, not {_shown(value)}")
        return tuple(value for value in values if isinstance(value, str))

    def texts(self, key: str) -> dict[str, str]:
        """Read a mapping of names to text; a number is text too, as in an environment variable."""
        section = self.section(key)
        result = {}
        for name in section.keys():  # noqa: SIM118 - not a dict
            section._read.add(name)
            value = section._data[name]
            if not name or "=" in name or "\0" in name:
                section.problem(name, "is no name of an environment variable")
            elif isinstance(value, bool) or not isinstance(value, str | int | float):
                section.problem(name, f"must be text (in quotes), not {_shown(value)}")
            else:
                result[name] = str(value)
        return result


_REQUIRED = object()


def _no_such(value: str, known: tuple[str, ...], what: str, whats: str) -> str:
    near = difflib.get_close_matches(value, known, n=1, cutoff=0.6)
    guess = f" (did you mean `{near[0]}`?)" if near else ""
    return f'"{value}" is no {what}{guess}; the {whats} are {", ".join(known)}'


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _load(text: str, problems: list[str]) -> tuple[Any, dict[str, int]]:
    """Return the file's data, and the line of every place in it."""
    try:
        # not the C loader: deep nesting would crash the interpreter
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            problems.append("the file is empty")
            return None, {}
        if _size(node) > MAX_NODES:
            problems.append(f"its aliases expand to more than {MAX_NODES} values")
            return None, {}
        lines: dict[str, int] = {}
        _walk(node, "", lines, problems, lambda: len(lines) < MAX_NODES)
        return yaml.safe_load(text), lines
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        what = getattr(error, "problem", None) or str(error)
        problems.append(f"{at}it is not YAML: {what}")
    except RecursionError:
        problems.append("it is nested too deeply")
    except (ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        # PyYAML's own constructors: a date such as 2026-02-30, !!int of nothing
        problems.append(f"a value cannot be read: {error}; put it in quotes if it is text")
    return None, {}


def _size(root: yaml.Node) -> int:
    """Return how many values the file has when its aliases are written out."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = MAX_NODES + 1  # an alias inside its own anchor never ends
            sizes[id(node)] = 1 + sum(size(child) for _, child in _children(node))
        return sizes[id(node)]

    return size(root)


def _children(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (str(key.value) if isinstance(key, yaml.ScalarNode) else "?"), value
    elif isinstance(node, yaml.SequenceNode):
        for at, value in enumerate(node.value):
            yield f"[{at}]", value


def _walk(
    node: yaml.Node,
    place: str,
    lines: dict[str, int],
    problems: list[str],
    room: Callable[[], bool],
) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    seen: set[str] = set()
    for key, child in _children(node):
        if isinstance(node, yaml.SequenceNode) or not place:
            inner = f"{place}{key}"
        else:
            inner = f"{place}.{key}"
        if isinstance(node, yaml.MappingNode) and key in seen and key not in ("<<", "?"):
            problems.append(f"{inner} (line {child.start_mark.line + 1}): stands there twice")
        seen.add(key)
        if room():
            _walk(child, inner, lines, problems, room)
