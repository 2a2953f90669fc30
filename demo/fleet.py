"""A fleet of hosts on loopback: SSH servers, nginx, gunicorn and an AWS stand-in, all real.

Each host is an address (127.0.0.2, .3, ...) with an SSH server, its own folder and its own keys.
Whatever is started here is ended by the process ids held here, its descendants included; processes
that left their parents are found by a mark in their environment, which is this run's alone. A
watching process does the same when the fleet's owner is killed.
Linux only: elsewhere loopback has one address, and no /proc.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import pwd
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from demo import processes
from demo.processes import birth, kill_marked, kill_tree
from fab_static.aws.cloudfront import NO_PATH
from fab_static.plan.nginx import nginx_server

if TYPE_CHECKING:  # the watching process starts this file alone
    from demo.cloudfront import Clock, CloudFront
    from demo.edge import Edge

Role = Literal["build", "static", "web"]
HOSTS: dict[str, list[Role]] = {  # of the demo and the tests
    "build1": ["build"],
    "edge1": ["static"],
    "edge2": ["static"],
    "web1": ["web"],
    "web2": ["web"],
}
MARK = "FAB_STATIC_FLEET"  # in the environment of all that runs on a host: <run>:<host>
START_SECONDS = 120.0  # on a busy machine; one that cannot start ends, and is told at once
END_SECONDS = 4.0  # from SIGTERM to SIGKILL
POLL_SECONDS = 0.02
LOG_TAIL_LINES = 100  # gunicorn ends with two tracebacks of its own, after the one that tells
NOT_COPIED = ("staticfiles", "__pycache__", "*.pyc", ".*_cache", "node_modules")


class FleetError(RuntimeError):
    """A server of the fleet did not start, or is not there."""


@dataclass(frozen=True)
class Host:
    """One host of the fleet; `static` is its deploy_to and `code` its checkout."""

    name: str
    roles: tuple[Role, ...]
    address: str
    port: int
    folder: Path

    @property
    def static(self) -> Path:
        """Return the host's deploy_to."""
        return self.folder / "static"

    @property
    def code(self) -> Path:
        """Return the host's copy of the project."""
        return self.folder / "code"


class Fleet:
    """Hosts that run while the `with` block does; see the module.

    Args:
        folder: where everything is written; made if missing. One fleet, one folder.
        hosts: name -> roles. Static hosts get an HTTP origin; web hosts a site and, when there is a
            project, gunicorn.
        project: a Django project to copy to each host, if any.
        server: which SSH server; auto takes sshd where it is found and lets this user in.
        nginx: which HTTP server; auto takes nginx where it is found, else demo/origin.py.
        settings: the project's DJANGO_SETTINGS_MODULE; by default the one manage.py names.
        environment: the project's environment, for gunicorn and in the inventory.
        health: the path that web.check asks, below the site.
        app: the inventory's `app`.
    """

    def __init__(
        self,
        folder: Path,
        hosts: Mapping[str, Sequence[Role]],
        project: Path | None = None,
        server: Literal["auto", "sshd", "asyncssh"] = "auto",
        *,
        nginx: Literal["auto", "nginx", "python"] = "auto",
        settings: str | None = None,
        environment: Mapping[str, str] | None = None,
        health: str = "/health",
        app: str = "demo",
    ) -> None:
        self.folder = folder.resolve()
        self.user = pwd.getpwuid(os.geteuid()).pw_name  # not $USER: sudo and su leave that
        self.server = server
        self.nginx = nginx
        self.app = app
        self.settings = settings or (_settings_of(project) if project else None)
        self.project_environment = dict(environment or {})
        self._project = project.resolve() if project else None
        self._health = health
        self._run = secrets.token_hex(8)
        self._servers: dict[tuple[str, str], _Server] = {}  # (host, kind); insertion order
        self._aws: tuple[str, str] | None = None  # endpoint, distribution
        self.cloudfront: CloudFront | None = None  # the strict one, with its edge: see start_cdn
        self.edge: Edge | None = None
        self._watcher: subprocess.Popen[str] | None = None
        self._reserved: list[socket.socket] = []
        addresses = {name: f"127.0.0.{number}" for number, name in enumerate(hosts, start=2)}
        self.http_port = self._reserve(addresses.values())
        self.app_port = self._reserve(addresses.values())
        self.hosts = {
            name: Host(
                name,
                tuple(roles),
                addresses[name],
                self._reserve([addresses[name]]),
                self.folder / name,
            )
            for name, roles in hosts.items()
        }

    # -- life -----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self._prepare()
            self._watcher = subprocess.Popen(
                [sys.executable, "-IS", processes.__file__, f"{MARK}={self._run}:"],
                stdin=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            self._start_ssh()
            self._start_http()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process of the fleet; a second call does nothing."""
        try:
            for server in self._servers.values():
                server.terminate()
            deadline = time.monotonic() + END_SECONDS
            for server in self._servers.values():
                server.kill(after=deadline)
        finally:
            for inside in (self.edge, self.cloudfront):
                if inside:
                    inside.close()
            self.edge = self.cloudfront = None
            kill_marked(f"{MARK}={self._run}:")
            if self._watcher:
                self._watcher.communicate()
                self._watcher = None
            for reserved in self._reserved:
                reserved.close()
            self._reserved.clear()

    def stop(self, host: str) -> None:
        """Cut a host off: its SSH server, open connections and their commands end at once.

        What a command left behind by itself (setsid, nohup) lives on, as on a host whose network is
        down; the HTTP servers answer on. See `power_off`.
        """
        self._server(host, "ssh").kill()

    def power_off(self, host: str) -> None:
        """End all that runs on a host: SSH, HTTP, gunicorn, and what commands left behind."""
        for (name, _), server in self._servers.items():
            if name == host:
                server.kill()
        kill_marked(f"{MARK}={self._run}:{host}\0")

    def start(self, host: str) -> None:
        """Start again what is down on a host, on the same addresses and ports."""
        down = [s for (name, _), s in self._servers.items() if name == host and not s.is_running]
        self._start_all(down)

    # -- what callers ask ------------------------------------------------------------------------

    @property
    def identity(self) -> Path:
        """Return the private key that every host lets in."""
        return self.folder / "client_key"

    @property
    def known_hosts(self) -> Path:
        """Return the file with the host keys of the whole fleet."""
        return self.folder / "known_hosts"

    @property
    def reload_command(self) -> str:
        """Return the shell command for web.reload: gunicorn takes new workers, then ends the old."""
        return f'kill -HUP "$(cat {shlex.quote(f"{self.folder}/{{host}}/gunicorn.pid")})"'

    def origin(self, host: str) -> str:
        """Return the base URL of a static host's HTTP server, without a slash at its end."""
        return self._url(host, "static")

    def site(self, host: str | None = None) -> str:
        """Return the base URL of a web host's site: /static/, and gunicorn behind it."""
        return self._url(host or self.with_role("web")[0].name, "web")

    def with_role(self, role: Role) -> list[Host]:
        """Return the hosts that have a role, in the order given."""
        return [host for host in self.hosts.values() if role in host.roles]

    def inventory(self, **extra: Any) -> dict[str, Any]:
        """Return an inventory (DESIGN §3) of this fleet; mappings in `extra` are merged into it."""
        here = str(self.folder)
        inventory: dict[str, Any] = {
            "app": self.app,
            "deploy_to": f"{here}/{{host}}/static",
            "hosts": {
                host.name: {"address": host.address, "port": host.port, "roles": list(host.roles)}
                for host in self.hosts.values()
            },
            "ssh": {
                "user": self.user,
                "identity": str(self.identity),
                "known_hosts": str(self.known_hosts),
            },
            "project": {"path": f"{here}/{{host}}/code", "python": sys.executable},
        }
        if self.settings:
            inventory["project"]["settings"] = self.settings
        if self.project_environment:
            inventory["project"]["environment"] = dict(self.project_environment)
        if any(kind == "gunicorn" for _, kind in self._servers):
            inventory["web"] = {
                "reload": self.reload_command,
                "check": f"http://{{address}}:{self.app_port}{self._health}",
            }
        if self.with_role("static"):
            inventory["probe"] = {"origin": f"http://{{address}}:{self.http_port}"}
        if self._aws:
            endpoint, distribution = self._aws
            inventory["cdn"] = {
                "distribution_id": distribution,
                "endpoint_url": endpoint,
                "wait": 10,
            }
            if self.edge:
                inventory["cdn"]["domain"] = self.edge.url
        return _merged(inventory, extra)

    def write_inventory(self, path: Path, **extra: Any) -> Path:
        """Write `inventory(**extra)` as YAML; return the path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(self.inventory(**extra), sort_keys=False, allow_unicode=True)
        path.write_text(text, encoding="utf-8")
        return path

    # -- AWS -------------------------------------------------------------------------------------

    def start_aws(self) -> None:
        """Start moto's server with one CloudFront distribution, if that has not been done."""
        if self._aws:
            return
        port = self._reserve(["127.0.0.1"])
        argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        endpoint = f"http://127.0.0.1:{port}"
        log = self.folder / "moto.log"
        server = _Server(
            "moto",
            argv,
            log,
            {**os.environ, MARK: f"{self._run}:"},
            partial(_answers, f"{endpoint}/moto-api/"),
        )
        self._servers["", "moto"] = server
        self._start_all([server])
        client = _cloudfront(endpoint)
        origin = (self.with_role("static") or list(self.hosts.values()))[0]
        answer = client.create_distribution(
            DistributionConfig={
                "CallerReference": self._run,
                "Comment": self.app,
                "Enabled": True,
                "Origins": {
                    "Quantity": 1,
                    "Items": [
                        {
                            "Id": "static",
                            "DomainName": origin.address,
                            "CustomOriginConfig": {
                                "HTTPPort": self.http_port,
                                "HTTPSPort": 443,
                                "OriginProtocolPolicy": "http-only",
                            },
                        }
                    ],
                },
                "DefaultCacheBehavior": {
                    "TargetOriginId": "static",
                    "ViewerProtocolPolicy": "allow-all",
                    "MinTTL": 0,
                    "ForwardedValues": {"QueryString": True, "Cookies": {"Forward": "none"}},
                },
            }
        )
        self._aws = endpoint, answer["Distribution"]["Id"]

    def start_cdn(self, clock: Clock | None = None, **edge: Any) -> tuple[CloudFront, Edge]:
        """Start a strict CloudFront and an edge of it before the static hosts, in this process.

        Args:
            clock: theirs; a test that hands it to nobody else moves it by itself.
            edge: as Edge takes them: query, min_ttl, …
        """
        from demo.cloudfront import CloudFront
        from demo.edge import Edge

        cloudfront = CloudFront(clock=clock)
        distribution = cloudfront.add_distribution()
        self.cloudfront = cloudfront.__enter__()
        origins = [self.origin(host.name) for host in self.with_role("static")]
        forgotten = partial(cloudfront.forgotten, distribution.id)
        self.edge = Edge(origins, forgotten=forgotten, clock=cloudfront.clock, **edge).__enter__()
        self._aws = cloudfront.endpoint, distribution.id
        return cloudfront, self.edge

    @property
    def endpoint_url(self) -> str:
        """Return the address of the AWS stand-in, started when first asked for."""
        return self._started_aws()[0]

    @property
    def distribution_id(self) -> str:
        """Return the CloudFront distribution's id; starts the AWS stand-in if need be."""
        return self._started_aws()[1]

    def invalidations(self) -> list[list[str]]:
        """Return the paths of every invalidation that CloudFront was asked for, oldest first."""
        client = _cloudfront(self.endpoint_url)
        listed = client.list_invalidations(DistributionId=self.distribution_id)
        found = sorted(
            listed["InvalidationList"].get("Items", []), key=lambda item: str(item["CreateTime"])
        )
        answers = [
            client.get_invalidation(DistributionId=self.distribution_id, Id=item["Id"])
            for item in found
        ]
        batches = [
            list(answer["Invalidation"]["InvalidationBatch"]["Paths"]["Items"])
            for answer in answers
        ]
        # moto takes what asks only whether it may, too: no path, which CloudFront refuses
        return [paths for paths in batches if paths != [NO_PATH]]

    def environment(self) -> dict[str, str]:
        """Return what to add to the environment of a program that speaks to this fleet.

        Credentials that open nothing, in place of the operator's own, and no proxy for loopback. Logs and
        reports go into the fleet's folder: the operator may have a `shop` with reports of its own.
        """
        config = self.folder / "aws_config"
        config.write_text("[default]\nregion = us-east-1\n", encoding="utf-8")
        no_proxy = ",".join(["localhost", "127.0.0.1", *(h.address for h in self.hosts.values())])
        return {
            "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": "demo",
            "AWS_SESSION_TOKEN": "demo",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_PROFILE": "default",
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
        }

    # -- inside ----------------------------------------------------------------------------------

    def _start_all(self, servers: Sequence[_Server]) -> None:
        for server in servers:
            pid = server.spawn()
            if self._watcher and self._watcher.stdin:
                self._watcher.stdin.write(f"{pid} {birth(pid)}\n")
                self._watcher.stdin.flush()
        deadline = time.monotonic() + START_SECONDS
        for server in servers:
            server.wait(deadline)

    def _started_aws(self) -> tuple[str, str]:
        self.start_aws()
        if self._aws is None:
            raise FleetError("the AWS stand-in is not there")
        return self._aws

    def _reserve(self, addresses: Iterable[str]) -> int:
        """Return a port that is free on all the addresses, and stays ours while a server is down.

        A bound socket that does not listen keeps others away; our servers get past it, since they
        and it set SO_REUSEADDR.
        """
        addresses = list(addresses)
        for _ in range(100):
            held: list[socket.socket] = []
            port = 0
            try:
                for address in addresses:
                    held.append(socket.socket())
                    held[-1].bind((address, port))
                    port = held[-1].getsockname()[1]
            except OSError as error:
                for one in held:
                    one.close()
                if port == 0:
                    raise FleetError(
                        f"{addresses[0]} is not an address of this machine's loopback: {error}"
                    ) from error
                continue
            for one in held:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._reserved += held
            return port
        raise FleetError(f"no port is free on all of {', '.join(addresses)}")

    def _prepare(self) -> None:
        """Write keys and folders."""
        self.folder.mkdir(parents=True, exist_ok=True)
        public = _write_key(self.identity)
        (self.folder / "authorized_keys").write_text(f"{public}\n", encoding="ascii")
        known = []
        for host in self.hosts.values():
            host.static.mkdir(parents=True, exist_ok=True)
            known.append(f"[{host.address}]:{host.port} {_write_key(host.folder / 'host_key')}\n")
            if self._project:
                _copy_project(self._project, host.code)
            else:
                host.code.mkdir(exist_ok=True)
        self.known_hosts.write_text("".join(known), encoding="ascii")

    def _environment(self, host: Host) -> dict[str, str]:
        return {**os.environ, MARK: f"{self._run}:{host.name}"}

    def _start_ssh(self) -> None:
        sshd = _find("sshd") if self.server in ("auto", "sshd") else None
        if self.server == "sshd" and sshd is None:
            raise FleetError("sshd is not installed: apt install openssh-server")
        if sshd:
            self._add_sshd(sshd)
            self._start_all(self._of_kind("ssh"))
            refusal = self._refusal(next(iter(self.hosts.values()))) if self.hosts else None
            if refusal is None:
                self.server = "sshd"
                return
            if self.server == "sshd":
                raise FleetError(f"sshd does not let {self.user} in: {refusal}")
            for server in self._of_kind("ssh"):  # this account is locked, say: auto goes on
                server.kill()
        self.server = "asyncssh"
        program = Path(__file__).with_name("ssh_server.py")
        for host in self.hosts.values():
            argv = [sys.executable, str(program), "--address", host.address]
            argv += ["--port", str(host.port), "--host-key", str(host.folder / "host_key")]
            argv += ["--authorized-keys", str(self.folder / "authorized_keys")]
            self._add_ssh(host, argv)
        self._start_all(self._of_kind("ssh"))

    def _add_ssh(self, host: Host, argv: list[str]) -> None:
        self._servers[host.name, "ssh"] = _Server(
            f"the SSH server of {host.name}",
            argv,
            host.folder / "ssh.log",
            self._environment(host),
            partial(_speaks_ssh, host.address, host.port),
            gently=False,
        )

    def _add_sshd(self, sshd: str) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it asks for it as root
        more = "PerSourcePenalties no\n"  # since 9.8; failed logins are what tests are about
        for host in self.hosts.values():
            config = host.folder / "sshd_config"
            mark = self._environment(host)[MARK]
            # a home of its own: login files may take seconds, or leave locks when they are killed (pyenv's do)
            # this Python first: one by way of shims costs every login a shell script
            path = f"{sys.base_prefix}/bin{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            text = f"""\
ListenAddress {host.address}:{host.port}
HostKey "{host.folder}/host_key"
PidFile "{host.folder}/sshd.pid"
AuthorizedKeysFile "{self.folder}/authorized_keys"
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UseDNS no
PrintMotd no
PrintLastLog no
MaxStartups 500
MaxSessions 500
LogLevel VERBOSE
Subsystem sftp internal-sftp
SetEnv "{MARK}={mark}" "PATH={path}" "HOME={host.folder}"
"""
            config.write_text(text + more, encoding="utf-8")
            if more and subprocess.run([sshd, "-t", "-f", config], capture_output=True).returncode:
                more = ""
                config.write_text(text, encoding="utf-8")
            self._add_ssh(host, [sshd, "-D", "-e", "-f", str(config)])

    def _refusal(self, host: Host) -> str | None:
        """Return why a host does not let us in, or None."""
        import paramiko

        client = paramiko.SSHClient()
        client.load_host_keys(str(self.known_hosts))
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            client.connect(
                host.address,
                host.port,
                self.user,
                key_filename=str(self.identity),
                allow_agent=False,
                look_for_keys=False,
                timeout=START_SECONDS,
            )
            code = client.exec_command("true")[1].channel.recv_exit_status()
        except (paramiko.SSHException, OSError) as error:
            return f"{error}\n{self._server(host.name, 'ssh').log_tail()}"
        finally:
            client.close()
        return f"the command `true` ended with {code}" if code else None

    def _start_http(self) -> None:
        nginx = _find("nginx") if self.nginx in ("auto", "nginx") else None
        if self.nginx == "nginx" and nginx is None:
            raise FleetError("nginx is not installed: apt install nginx-light")
        self.nginx = "nginx" if nginx else "python"
        for host in self.with_role("web") if self._project else []:
            self._add_gunicorn(host)
        for host in self.hosts.values():
            if "static" in host.roles or "web" in host.roles:
                argv = self._nginx(host, nginx) if nginx else self._python_origin(host)
                self._servers[host.name, "http"] = _Server(
                    f"the HTTP server of {host.name}",
                    argv,
                    host.folder / "http.log",
                    self._environment(host),
                    partial(_answers, f"http://{host.address}:{self.http_port}/static/"),
                )
        self._start_all([*self._of_kind("gunicorn"), *self._of_kind("http")])

    def _http_parts(self, host: Host) -> tuple[Path | None, str | None, list[str]]:
        """Return a host's deploy_to, the server behind it, and the static hosts it asks."""
        own = host.static if "static" in host.roles else None
        behind = f"{host.address}:{self.app_port}" if "web" in host.roles else None
        others = [f"{other.address}:{self.http_port}" for other in self.with_role("static")]
        return own, behind, [] if own else others

    def _nginx(self, host: Host, nginx: str) -> list[str]:
        own, behind, static_hosts = self._http_parts(host)
        site = nginx_server(
            own, f"{host.address}:{self.http_port}", app=behind, static_hosts=static_hosts
        )
        config = host.folder / "nginx.conf"
        config.write_text(nginx_config(site, host.folder), encoding="utf-8")
        log = str(host.folder / "http.log")
        return [nginx, "-e", log, "-p", str(host.folder), "-c", str(config)]

    def _python_origin(self, host: Host) -> list[str]:
        own, behind, static_hosts = self._http_parts(host)
        argv = [sys.executable, str(Path(__file__).with_name("origin.py"))]
        argv += ["--address", host.address, "--port", str(self.http_port)]
        argv += ["--deploy-to", str(own)] if own else []
        argv += ["--app", behind] if behind else []
        for other in static_hosts:
            argv += ["--static-host", other]
        return argv

    def _add_gunicorn(self, host: Host) -> None:
        if self.settings is None:
            raise FleetError("no settings: manage.py names none, so pass settings=")
        wsgi = f"{self.settings.partition('.')[0]}.wsgi" if "." in self.settings else "wsgi"
        argv = [sys.executable, "-m", "gunicorn", f"{wsgi}:application"]
        argv += ["--bind", f"{host.address}:{self.app_port}", "--workers", "2", "--threads", "4"]
        argv += ["--graceful-timeout", "5", "--no-control-socket", "--chdir", str(host.code)]
        config = host.folder / "gunicorn.conf.py"
        config.write_text(GUNICORN.format(pid=str(host.folder / "gunicorn.pid")), encoding="utf-8")
        argv += ["--config", str(config)]
        environment = {
            **self._environment(host),
            **self.project_environment,
            "DJANGO_SETTINGS_MODULE": self.settings,
        }
        url = f"http://{host.address}:{self.app_port}{self._health}"
        self._servers[host.name, "gunicorn"] = _Server(
            f"gunicorn of {host.name}",
            argv,
            host.folder / "gunicorn.log",
            environment,
            partial(_answers, url),
        )

    def _of_kind(self, kind: str) -> list[_Server]:
        return [server for (_, its), server in self._servers.items() if its == kind]

    def _server(self, host: str, kind: str) -> _Server:
        try:
            return self._servers[host, kind]
        except KeyError:
            raise FleetError(f"{host} has no {kind} server") from None

    def _url(self, name: str, role: Role) -> str:
        host = self.hosts[name]
        if role not in host.roles:
            raise FleetError(f"{name} is no {role} host")
        return f"http://{host.address}:{self.http_port}"


# -- nginx ---------------------------------------------------------------------------------------


def nginx_config(site: str, folder: Path) -> str:
    """Return a whole configuration for an nginx of our own, all its files in one folder."""
    user = "user root;\n" if os.geteuid() == 0 else ""  # tests' folders are closed to others
    temporary = "".join(
        f'    {kind}_temp_path "{folder}/nginx-{kind}";\n'
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    types = Path("/etc/nginx/mime.types")
    included = f"include {types};" if types.is_file() else MIME_TYPES
    return f"""\
{user}daemon off;
worker_processes 1;
pid "{folder}/nginx.pid";
error_log "{folder}/http.log";
events {{
    worker_connections 1024;
}}
http {{
    {included}
    default_type application/octet-stream;
    access_log "{folder}/access.log";
{temporary}{site}}}
"""


# Django is imported once, for the workers of every reload too: a worker imports the project alone.
# With --pid the file is away for a moment at each reload, and a reload just then fails.
GUNICORN = """\
import gc, pathlib
import django.core.wsgi

gc.freeze()


def when_ready(server):
    pathlib.Path({pid!r}).write_text(str(server.pid))
"""

MIME_TYPES = """types {
        text/html html; text/css css; application/javascript js; application/json json map;
        image/png png; image/svg+xml svg; image/jpeg jpg jpeg; image/gif gif;
        font/woff woff; font/woff2 woff2;
    }"""


# -- processes -----------------------------------------------------------------------------------


class _Server:
    """One server process, with the descendants it makes."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        is_ready: Callable[[], bool],
        *,
        gently: bool = True,
    ) -> None:
        self._name = name
        self._argv = argv
        self._log = log
        self._environment = environment
        self._is_ready = is_ready
        self._gently = gently
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def spawn(self) -> int:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # Ctrl-C is for us; we end it
            )
        return self._process.pid

    def wait(self, deadline: float) -> None:
        while not self._is_ready():
            code = self._process.poll() if self._process else None
            if code is not None:
                raise FleetError(f"{self._name} ended with {code}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise FleetError(f"{self._name} does not answer:\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def terminate(self) -> None:
        """Ask it to end, where it knows how to end what it started."""
        if self._process and self._gently and self.is_running:
            self._process.terminate()

    def kill(self, *, after: float = 0.0) -> None:
        """End it and its descendants; give it until `after` to do so by itself."""
        if self._process is None:
            return
        if self._gently and after:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.0, after - time.monotonic()))
        if self._process.poll() is None:
            kill_tree(self._process.pid)
        self._process.wait()

    def log_tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join([f"the end of {self._log}:", *lines[-LOG_TAIL_LINES:]])


# -- small questions -----------------------------------------------------------------------------


def _find(program: str) -> str | None:
    """Return a program's path; the folders of servers are not on everybody's PATH."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    found = shutil.which(program, path=path)
    return str(Path(found).resolve()) if found else None  # sshd insists on an absolute path


def _speaks_ssh(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _cloudfront(endpoint: str) -> Any:
    import boto3

    return boto3.client(
        "cloudfront",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="demo",
        aws_secret_access_key="demo",
    )


def _answers(url: str) -> bool:
    """Return whether an HTTP server answers at all, whatever it says."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request("GET", parts.path)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _settings_of(project: Path) -> str | None:
    """Return the settings module that manage.py names."""
    text = (project / "manage.py").read_text(encoding="utf-8")
    found = re.search(r"""DJANGO_SETTINGS_MODULE["'],\s*["']([\w.]+)["']""", text)
    return found[1] if found else None


def _copy_project(project: Path, code: Path) -> None:
    """Copy a project as a host's own checkout; node_modules are links, being large and read-only."""
    shutil.copytree(
        project,
        code,
        symlinks=True,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns(*NOT_COPIED),
    )
    for folder, folders, _ in os.walk(project):
        if "node_modules" in folders:
            link = code / Path(folder, "node_modules").relative_to(project)
            if link.parent.is_dir() and not link.is_symlink():
                link.symlink_to(Path(folder, "node_modules").resolve())
        folders[:] = [name for name in folders if name not in ("node_modules", "staticfiles")]


def _write_key(file: Path) -> str:
    """Write a new private key; return the public one, as known_hosts and authorized_keys say it."""
    key = Ed25519PrivateKey.generate()
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return public.decode("ascii")


def _merged(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return both; where both hold a mapping, that is merged in turn."""
    merged = dict(base)
    for key, value in extra.items():
        ours = merged.get(key)
        both = isinstance(ours, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(ours, value) if both and ours is not None else value
    return merged
