"""Real SSH servers on loopback, accounts whose homes hold a configuration, and both clients in them.

ssh knows ~ by the passwd entry, not by HOME. So the bench makes accounts, and removes them after. Each of them
is one process that works through its share of the rows; what it found is asked for by the tests.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from demo.fleet import _speaks_ssh
from fab_static.errors import FabStaticError
from fab_static.plan import inventory
from fab_static.remote.clients import client_of
from fab_static.remote.ssh import settings
from tests.integration.security_key import SecurityKey, agent
from tests.processes import becomes

ACCOUNTS = tuple(f"fab-static-ssh{number}" for number in range(3))
CLIENTS = ("fabric", "openssh")  # of ours
PORT = 2208
SERVERS = {  # name -> its last byte on loopback, kinds of host keys, what its sshd is told besides
    "plain": (1, ("ed25519",), ""),
    "many": (2, ("ed25519", "ecdsa", "rsa"), ""),
    "signed": (3, ("ed25519", "ecdsa", "rsa"), ""),
    "rsa": (4, ("rsa",), ""),
    "bastion": (5, ("ed25519",), "MaxStartups 10:30:100"),
    "second": (6, ("ed25519",), ""),
    "gcm": (7, ("ed25519",), "Ciphers aes256-gcm@openssh.com"),
    # these have the key of `plain`, and differ in what they allow
    "closed": (11, (), "AllowTcpForwarding no"),
    "password": (12, (), "AuthenticationMethods publickey,password"),
    "twice": (13, (), "AuthenticationMethods publickey,publickey"),
    "nobody": (14, (), "AuthorizedKeysFile none"),
    "trusting": (15, (), "AuthorizedKeysFile none\n  TrustedUserCAKeys {bench}/user_ca.pub"),
    "strict": (16, (), "PasswordAuthentication no\n  KbdInteractiveAuthentication no"),
}
# ssh takes 25 ms of the processor for a key exchange that withstands quantum computers; `second` may have it
QUICK = "KexAlgorithms -sntrup*,mlkem*"
HOST_CERTIFICATES = {  # kind of key -> principals, time
    "ed25519": ("web1,127.0.8.3", "-1d:+1d"),
    "ecdsa": ("web1,127.0.8.3", "-2d:-1d"),
    "rsa": ("other.example", "-1d:+1d"),
}
AGENTS = {
    "one": ("ck",),
    "eight": (*(f"wrong{number}" for number in range(8)), "ck"),
    "locked": ("locked",),
    "certified": ("certified",),
    "asking": ("ck",),  # before it signs, and nobody answers
    "empty": (),
}
KEYS = {
    "ck": "ed25519",
    "ck_rsa": "rsa",
    "ck_ecdsa": "ecdsa",
    "second": "ed25519",
}  # that let us in
OTHER_KEYS = ("other", "certified", "expired", *(f"wrong{number}" for number in range(8)))
PASSPHRASE = "secret"
TOKEN = SecurityKey(b"32 bytes that nobody else chose.")


@dataclass(frozen=True)
class Outcome:
    """How a client fared."""

    is_in: bool
    what: str = ""
    where: str = ""
    mend: str = ""
    exit_code: int = 0


def address(name: str) -> str:
    """Return where a server listens."""
    return f"127.0.8.{SERVERS[name][0]}"


def filled(value: Any, words: Mapping[str, str]) -> Any:
    """Return a value with what stands in braces put in."""
    if isinstance(value, dict):
        return {key: filled(one, words) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, words) for one in value]
    return value.format(**words) if isinstance(value, str) else value


class Bench:
    """The servers and the accounts."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fab-ssh-", dir="/tmp"))
        self.folder.chmod(0o755)
        self._servers: list[subprocess.Popen[bytes]] = []
        self._turn = os.open("/tmp/fab-static-ssh-bench.lock", os.O_CREAT | os.O_RDWR, 0o600)

    def __enter__(self) -> Bench:
        # accounts, addresses and the port are this machine's: one bench at a time, whoever runs the tests
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            for account in ACCOUNTS:
                _remove(account)
                home = self.folder / account
                words = ["-M", "-d", str(home), "-s", "/bin/bash", "-p", "*"]
                subprocess.run(["useradd", *words, account], check=True)
                home.mkdir()
            self._make_keys()
            for account in ACCOUNTS:
                shutil.copytree(self.folder / "keys", self.folder / account / "keys")
                for path in (self.folder / account, *(self.folder / account).rglob("*")):
                    shutil.chown(path, account)
            self._start_servers()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for process in self._servers:
            process.terminate()
            process.wait(120)
        for account in ACCOUNTS:
            _remove(account)
        shutil.rmtree(self.folder)
        os.close(self._turn)

    def run(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Have the accounts work through the rows; return what each came to, in their order."""
        workers = []
        for number, account in enumerate(ACCOUNTS):
            found = self.folder / account / "found.json"
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    _work(self.folder, account, rows[number :: len(ACCOUNTS)], found)
                    code = 0
                except BaseException:
                    found.write_text(traceback.format_exc())
                finally:
                    os._exit(code)
            workers.append((pid, found))
        ended = [os.waitpid(pid, 0)[1] for pid, _ in workers]
        texts = [found.read_text() if found.exists() else "" for _, found in workers]
        broken = [f"{status}: {text}" for status, text in zip(ended, texts, strict=True) if status]
        assert not broken, "\n".join(broken)
        shares = list(map(json.loads, texts))
        return [shares[at % len(ACCOUNTS)][at // len(ACCOUNTS)] for at in range(len(rows))]

    # ---- making

    def _make_keys(self) -> None:
        for name in ("host_ca", "other_ca", "user_ca", "stranger"):
            _make_key(self.folder / name)
        for name, (_, kinds, _) in SERVERS.items():
            for kind in kinds:
                key = self.folder / f"host_{name}_{kind}"
                _make_key(key, kind)
                if name == "signed":
                    self._sign("host_ca", key, *HOST_CERTIFICATES[kind], "-h")
        hashed = self.folder / "hashed"
        plain = self.folder / "host_plain_ed25519.pub"
        hashed.write_text(f"[{address('plain')}]:{PORT} {plain.read_text()}")
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", hashed], check=True, capture_output=True)
        subprocess.run(["ssh-keygen", "-q", "-k", "-f", self.folder / "krl", plain], check=True)
        (self.folder / "krl").chmod(0o644)
        self._make_users_keys(self.folder / "keys")

    def _make_users_keys(self, keys: Path) -> None:
        keys.mkdir()
        for name, kind in KEYS.items():
            _make_key(keys / name, kind)
        for name in OTHER_KEYS:
            _make_key(keys / name)
        _make_key(keys / "locked", "ed25519", PASSPHRASE)
        _make_key(keys / "old_pem", "rsa", "", "-m", "PEM")
        _make_key(keys / "pkcs8", "ecdsa", "", "-m", "PKCS8")
        self._sign("user_ca", keys / "certified", ",".join(ACCOUNTS), "-1d:+1d")
        self._sign("user_ca", keys / "expired", ",".join(ACCOUNTS), "-2d:-1d")
        copies = {
            "certified-cert.pub": "apart.pub",
            "certified": "apart_key",
            "certified.pub": "apart_key.pub",
            "ck": "readable",
            "ck.pub": "only.pub",
        }
        for source, name in copies.items():
            shutil.copy(keys / source, keys / name)
        (keys / "putty").write_text("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n")
        (keys / "garbage").write_text("nothing that a key is made of\n")
        for name in ("putty", "garbage"):
            (keys / name).chmod(0o600)
        (keys / "readable").chmod(0o644)
        allowed = (*KEYS, "locked", "old_pem", "pkcs8")
        text = "".join((keys / f"{name}.pub").read_text() for name in allowed) + TOKEN.line
        (self.folder / "authorized_keys").write_text(text)

    def _sign(self, authority: str, key: Path, principals: str, valid: str, *more: str) -> None:
        words = [*more, "-I", "test", "-n", principals, "-V", valid, f"{key}.pub"]
        subprocess.run(["ssh-keygen", "-q", "-s", self.folder / authority, *words], check=True)

    def _start_servers(self) -> None:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        assert sshd, "sshd is not installed: apt install openssh-server"
        for name, (_, kinds, _) in SERVERS.items():
            if kinds:
                config = self.folder / f"sshd_{name}"
                config.write_text(self._config(name))
                self._servers.append(
                    subprocess.Popen([sshd, "-D", "-E", f"{config}.log", "-f", config])
                )
        for name in SERVERS:
            assert becomes(partial(_speaks_ssh, address(name), PORT)), f"no sshd at {name}"

    def _config(self, name: str) -> str:
        _, kinds, more = SERVERS[name]
        served = [name]
        if name == "plain":
            served += [other for other, (_, its_kinds, _) in SERVERS.items() if not its_kinds]
        return "\n".join(
            (
                f"PidFile {self.folder}/{name}.pid",
                f"AuthorizedKeysFile {self.folder}/authorized_keys",
                "StrictModes no",
                "UseDNS no",
                "UsePAM no",
                "PrintMotd no",
                "PrintLastLog no",
                "" if name == "second" else QUICK,
                *(f"HostKey {self.folder}/host_{name}_{kind}" for kind in kinds),
                *(
                    f"HostCertificate {self.folder}/host_{name}_{kind}-cert.pub"
                    for kind in kinds
                    if name == "signed"
                ),
                *(f"ListenAddress {address(each)}:{PORT}" for each in served),
                f"ListenAddress [::1]:{PORT}" if name == "plain" else "",
                more,
                *(
                    f"Match LocalAddress {address(each)}\n  {SERVERS[each][2].format(bench=self.folder)}"
                    for each in served[1:]
                ),
                "",
            )
        )


class Client:
    """One account, as which this process runs: its files, its agents, ssh and us."""

    def __init__(self, folder: Path, account: str) -> None:
        self.folder = folder
        self.account = account
        self.home = folder / account
        self._path = os.environ["PATH"]
        self._silent = socket.create_server(("127.0.8.1", 0), backlog=50)  # says nothing at all

    @contextlib.contextmanager
    def agents(self) -> Iterator[None]:
        """Have agents run, with their keys."""
        running = []
        asking = self.home / "askpass"
        asking.write_text(f"#!/bin/sh\necho {PASSPHRASE}\n")
        asking.chmod(0o700)
        try:
            for name, keys in AGENTS.items():
                path = self._agent(name)
                running.append(
                    subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
                )
                assert becomes(lambda path=path: _is_heard(path)), f"{path} is not heard"
                if keys:
                    subprocess.run(
                        [
                            "ssh-add",
                            "-q",
                            *(["-c"] if name == "asking" else []),
                            *(str(self.home / "keys" / key) for key in keys),
                        ],
                        env={
                            "SSH_AUTH_SOCK": path,
                            "SSH_ASKPASS": str(asking),
                            "SSH_ASKPASS_REQUIRE": "force",
                        },
                        check=True,
                        stdin=subprocess.DEVNULL,
                    )
            with agent(TOKEN, Path(self._agent("token"))):
                yield
        finally:
            for one in running:
                one.terminate()
                one.wait(120)

    def _agent(self, name: str) -> str:
        return str(self.home / f"agent_{name}")

    def words(self) -> dict[str, str]:
        """Return what a row may name in braces."""
        known = {}
        for name, (_, kinds, _) in SERVERS.items():
            for kind in kinds:
                known[f"{name}_{kind}"] = self._public(f"host_{name}_{kind}")
            if kinds:
                known[name] = known[f"{name}_{kinds[0]}"]
        return {
            **known,
            **{name: self._public(name) for name in ("host_ca", "other_ca", "stranger")},
            **{f"at_{name}": address(name) for name in SERVERS},
            **{f"agent_{name}": self._agent(name) for name in (*AGENTS, "token")},
            "hashed": (self.folder / "hashed").read_text().strip(),
            "keys": str(self.home / "keys"),
            "home": str(self.home),
            "bench": str(self.folder),
            "account": self.account,
            "silent": str(self._silent.getsockname()[1]),
        }

    def _public(self, name: str) -> str:
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def lay_out(self, files: Mapping[str, str]) -> None:
        """Lay out the account's ~/.ssh anew."""
        ssh = self.home / ".ssh"
        shutil.rmtree(ssh, ignore_errors=True)
        ssh.mkdir(mode=0o700)
        for name, text in files.items():
            path = ssh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("latin-1"))
            path.chmod(0o600)

    def surround(self, environment: Mapping[str, str]) -> None:
        """Set the environment of both clients."""
        os.environ.clear()
        os.environ.update(
            {
                "PATH": self._path,
                "HOME": str(self.home),
                "USER": "nobody",
                "SHELL": "/bin/bash",
                **environment,
            }
        )

    def ssh(self, words: Sequence[str]) -> tuple[int, str]:
        """Let ssh try; return its exit status and its words."""
        process = subprocess.Popen(
            ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            said = process.communicate(timeout=120)[1].decode(errors="replace")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return process.returncode, said

    def ours(self, text: Mapping[str, Any], given: Mapping[str, Any], client: str) -> Outcome:
        """Let a client of ours try to reach an inventory's first host."""
        host = {"roles": ["build", "static", "web"], **text.get("host", {"address": "web1"})}
        whole = {
            "app": "shop",
            "deploy_to": "/srv/static",
            "hosts": {"web1": host},
            "ssh": {"connect_timeout": 5, "client": client, **text.get("ssh", {})},
            "project": {"path": "/srv/code"},
        }
        environment = inventory.parse(json.dumps(whole), name="staging", source="staging.yml")
        ssh = dataclasses.replace(
            environment.ssh,
            given=inventory.Given(
                **{
                    key: tuple(value) if isinstance(value, list) else value
                    for key, value in given.items()
                }
            ),
        )
        environment = dataclasses.replace(environment, ssh=ssh)
        connection = client_of(environment)(environment.hosts[0])
        try:
            code = connection.channel("true").last_words()[0]
            return Outcome(code == 0, f"exit status {code}")
        except FabStaticError as error:
            return Outcome(False, error.what, error.where, error.mend, error.exit_code)
        except Exception:
            return Outcome(False, traceback.format_exc())
        finally:
            connection.close()


def _work(folder: Path, account: str, rows: Sequence[dict[str, Any]], found: Path) -> None:
    """Become the account, and work through the rows."""
    client = Client(folder, account)
    for ours in CLIENTS:
        client.ours({}, {}, ours)  # imports what is imported late, while all modules can be read
    who = pwd.getpwnam(account)
    os.setgroups([])
    os.setgid(who.pw_gid)
    os.setuid(who.pw_uid)
    os.chdir(client.home)
    settings.account.cache_clear()
    settings._machine.cache_clear()
    results = []
    with client.agents():
        for row in rows:
            try:
                results.append(_one(client, row))
            except Exception:
                results.append({"broken": traceback.format_exc()})
    found.write_text(json.dumps(results))


def _one(client: Client, row: dict[str, Any]) -> dict[str, Any]:
    words = client.words()
    client.lay_out(
        {
            **filled(row["files"], words),
            **{
                name: (client.home / "keys" / key).read_text()
                for name, key in row["copies"].items()
            },
        }
    )
    environment = filled(row["environment"], words)
    if row["agent"]:
        environment["SSH_AUTH_SOCK"] = words[f"agent_{row['agent']}"]
    client.surround(environment)
    result: dict[str, Any] = {"words": words}
    text, given = filled(row["inventory"], words), filled(row["given"], words)
    for ours in CLIENTS:
        result[ours] = vars(client.ours(text, given, ours))
    if not row["not_for_ssh"]:
        result["ssh"] = client.ssh(filled([*row["words"], row["asked"], "true"], words))
    return result


def _make_key(path: Path, kind: str = "ed25519", passphrase: str = "", *more: str) -> None:
    bits = ["-b", "2048"] if kind == "rsa" else []
    words = ["-t", kind, *bits, *more, "-N", passphrase, "-C", path.name, "-f", path]
    subprocess.run(["ssh-keygen", "-q", *words], check=True)


def _is_heard(path: str) -> bool:
    """Tell whether somebody listens at a socket: its name is there before that."""
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(path) == 0


def _remove(account: str) -> None:
    with contextlib.suppress(KeyError):
        uid = pwd.getpwnam(account).pw_uid
        # 8: a session of sshd's is just ending
        for _ in range(50):
            if subprocess.run(["userdel", account], capture_output=True).returncode != 8:
                return
            _end_all_of(uid)
            time.sleep(0.1)
        raise AssertionError(f"the account {account} has processes that do not end; it stays")


def _end_all_of(uid: int) -> None:
    """End what the account left running: the account is ours alone."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                os.kill(int(entry.name), signal.SIGKILL)
