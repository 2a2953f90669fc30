"""An environment as values: hosts, roles, paths, buckets, and what a deploy does with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from fab_static.plan.budget import Budget
from fab_static.plan.build_order import BUILD_PHASES, PHASES, OwnPhase
from fab_static.plan.layout import Layout

FOLDER = "{folder}"  # the fabfile's: only this machine has it


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
class Given:
    """What the command line and a fabric.yml say of SSH, beyond the inventory."""

    key_files: tuple[str, ...] = ()  # fab -i
    passphrase: str | None = field(default=None, repr=False)  # fab --prompt-for-passphrase
    password: str | None = field(default=None, repr=False)  # fab --prompt-for-login-password
    connect_timeout: float | None = None  # fab -t
    config_file: str | None = None  # fab -S: instead of ~/.ssh/config
    allow_agent: bool = True
    look_for_keys: bool = True
    compress: bool = False
    disabled_algorithms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    user: str | None = None  # of a fabric.yml: refused, unless the inventory has its own
    port: int | None = None  # likewise


@dataclass(frozen=True)
class Ssh:
    """How hosts are reached; times in seconds."""

    user: str | None = None
    identity: str | None = None
    known_hosts: str | None = None
    gateway: str | None = None
    become: str | None = None
    python: str = "python3"  # what the agent runs in
    client: str = "fabric"  # or openssh: the operator's own ssh
    connect_timeout: float | None = None  # None: as ~/.ssh/config says, else 10
    command_timeout: float = 1800
    parallel: int = 32
    ask_passphrase: bool = False  # of `identity`, once, on a terminal
    identity_at: str = field(default="ssh.identity", compare=False)  # where the inventory has it
    given: Given = Given()


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
    own: Mapping[str, OwnPhase] = field(
        default_factory=dict
    )  # those of them that are the project's
    commands: Mapping[str, str] = field(default_factory=dict)
    precompress: tuple[str, ...] = ("gzip",)
    trust: tuple[str, ...] = ()  # native modules that read nothing unseen
    by_content: tuple[
        str, ...
    ] = ()  # programs to which times, sizes and modes of files are nothing
    immutable: tuple[
        str, ...
    ] = ()  # globs below the static root: such a name never gets other bytes
    deltas: int = (
        0  # earlier releases to which a changed file is made a difference, for returning visitors
    )

    def command_of(self, phase: str) -> str:
        """Return the command of a phase: its own line, the inventory's command, or the usual one."""
        if phase in self.own:
            return self.own[phase].run
        return self.commands.get(phase, PHASES[phase].command)


@dataclass(frozen=True)
class Manifest:
    """A file that web processes read, and that names static files; `path` is relative to project.path.

    `below` is the folder of the static root that its names are relative to, or None if nobody says.
    """

    path: str
    below: str | None = None


@dataclass(frozen=True)
class Web:
    """What happens on web hosts at the flip."""

    reload: str | None = None
    check: str | None = None
    running: str | None = (
        None  # answered by fab_static.django_app: which release the process has read
    )
    manifests: tuple[Manifest, ...] = ()  # beyond those that the settings tell of
    unchecked_entries: tuple[str, ...] = ()  # patterns of names that templates ask manifests for
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
    put_by: str = "build"  # who puts a release's objects: the build host itself, or the operator

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True)
class Releases:
    """Who signs releases, whose signatures hosts want, and who keeps the record of them.

    The files are the operator's machine's.
    """

    record: str | None = None  # bucket or host; None: whichever lasts, see Environment.notes
    sign_with: str | None = None  # a private key, or the .pub file of one that the SSH agent has
    allowed_signers: str | None = None
    revoked_keys: str | None = (
        None  # whose signatures count no more, though a line of allowed_signers has them
    )


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
    origin: S3 | None = None  # instead of static hosts, or beside them
    hub: S3 | None = None  # bytes go up once, hosts fetch what they lack; None: over SSH
    cache: S3 | None = None  # what builds leave for other machines
    probe: Probe = Probe()
    budget: Budget = field(default_factory=Budget)  # of what visitors download
    notify: Notify = Notify()
    report: S3 | None = None  # each run's report is put there, and kept on the operator's machine
    release: Releases = Releases()
    keep_releases: int = 5
    keep_for_seconds: int = 7 * 86400
    confirm: bool = False
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hooks_timeout: float = 300  # seconds that each hook may take
    fills_others: bool = False  # no key: its build host puts objects into another one's buckets

    def with_role(self, *roles: str) -> tuple[Host, ...]:
        """Return the hosts that have any of the roles, in the inventory's order."""
        return tuple(host for host in self.hosts if set(roles) & set(host.roles))

    @property
    def has_bucket(self) -> bool:
        """Whether a bucket takes part in a deploy: as the origin, as the hub, or as the cache."""
        own = any(place is not None for place in (self.origin, self.hub, self.cache))
        return own or self.fills_others

    @property
    def build_host(self) -> Host:
        """The one host that builds; it also keeps the lock, the journal and the log, except for `notes`.

        Where nothing is built (`verify --here`), it is the only host.
        """
        return (self.with_role("build") or self.hosts)[0]

    @property
    def notes(self) -> S3 | None:
        """The bucket that keeps the lock, the journal and the log; None: the build host does.

        A build host lasts unless it is this machine and serves nothing: then this may be a CI runner.
        """
        if self.release.record == "host":
            return None
        here = [host.roles for host in self.hosts if host.local]
        does_not_last = here == [("build",)] or self.release.record == "bucket"
        return (self.hub or self.origin) if does_not_last else None

    def layout(self, host: Host) -> Layout:
        """Return the paths below `deploy_to` on this host."""
        return Layout(PurePosixPath(expand(self.deploy_to, host)))


def expand(text: str, host: Host) -> str:
    """Return the text with `{host}` and `{address}` put in; any other brace stays as it is."""
    return text.replace("{host}", host.name).replace("{address}", host.address)


def expand_url(text: str, host: Host) -> str:
    """Return the URL with `{host}` and `{address}` put in; an IPv6 address gets its brackets (RFC 3986)."""
    if ":" in host.address:
        bare = host.address.strip("[]")  # the inventory may have the brackets, and so may the URL
        text = text.replace("[{address}]", "{address}").replace("{address}", f"[{bare}]")
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
    release = replace(
        environment.release,
        sign_with=found(environment.release.sign_with),
        allowed_signers=found(environment.release.allowed_signers),
        revoked_keys=found(environment.release.revoked_keys),
    )
    return replace(
        environment,
        release=release,
        ssh=ssh,
        project=project,
        deploy_to=here(environment.deploy_to),
    )
