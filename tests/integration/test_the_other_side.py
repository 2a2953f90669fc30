"""What the other side does at a login: shells, start-up files, forced commands and sudo, all real (fleet C8, C22).

One sshd, and one account that each row sets up anew. Both are removed after the test, and so is its sudoers file.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.fleet import _speaks_ssh
from fab_static.errors import RemoteError
from fab_static.plan import inventory
from fab_static.plan.wire import verbs
from fab_static.remote import RemoteHost, patience
from tests import pythons
from tests.processes import becomes

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes accounts")

ACCOUNT = "fab-static-otherside"
PORT = 2231
FORCED = {  # the last byte of an address -> its ForceCommand
    2: "/usr/sbin/nologin",
    3: "internal-sftp",
    4: "cat",
    5: "echo Only backups here",
    6: "/bin/bash",
}
SUDOERS = Path("/etc/sudoers.d/fab-static-otherside")
RULE = f"{ACCOUNT} ALL=(nobody) NOPASSWD: ALL\n"

IN: list[dict[str, Any]] = [
    {"name": "an IPv6 address", "at": "::1"},
    {"name": "it prints on both streams", "bashrc": "echo hello; echo welcome >&2\n"},
    {"name": "it reads a line", "bashrc": "echo 'Press Enter'; read x\n"},
    {"name": "a shell on terminals only", "bashrc": "[ -t 0 ] && exec zsh\n"},
    {"name": "rbash", "shell": "/bin/rbash"},
    {"name": "dash", "shell": "/bin/dash"},
    {"name": "fish", "shell": "fish"},
    {"name": "zsh", "shell": "zsh"},
    {"name": "csh", "shell": "tcsh"},
    {"name": "command= that hands on", "key": 'command="sh -c \\"$SSH_ORIGINAL_COMMAND\\"" '},
    {"name": "sudo", "sudoers": RULE},
    {"name": "sudo in a pty", "sudoers": f"Defaults:{ACCOUNT} use_pty\n{RULE}"},
    {"name": "sudo that logs", "sudoers": f"Defaults:{ACCOUNT} use_pty,log_output\n{RULE}"},
    {"name": "sudo that lectures", "sudoers": f"Defaults:{ACCOUNT} lecture=always\n{RULE}"},
]
REFUSED: list[dict[str, Any]] = [
    {"name": "nologin", "shell": "/usr/sbin/nologin", "says": "has no shell: This account is currently not"},
    {"name": "false", "shell": "/bin/false", "says": "did not start: exit status 1", "cure": "getent passwd"},
    {"name": "a restricted shell", "shell": "/bin/rbash", "python": "/usr/bin/python3", "says": "is restricted"},
    {"name": "no Python in fish", "shell": "fish", "python": "no-python", "says": "no-python cannot be started"},
    {"name": "no Python in csh", "shell": "tcsh", "python": "no-python", "says": "no-python cannot be started"},
    {"name": "exec bash", "bashrc": "exec env IN=1 bash\n", "says": "starts another shell", "cure": "[ -t 0 ]"},
    {"name": "exec zsh", "bashrc": "exec zsh\n", "says": "starts another shell", "cure": ".bashrc"},
    {"name": "exit", "bashrc": "exit 0\n", "says": "runs another program", "cure": ".bashrc"},
    {"name": "it reads all", "bashrc": "cat >/dev/null\n", "says": "nothing came for", "cure": "reads"},
    {"name": "it waits", "bashrc": "echo Loading; sleep 60\n", "says": "it said: Loading", "cure": ".bashrc"},
    {"name": "forced nologin", "at": "127.0.12.2", "says": "has no shell", "cure": "ForceCommand"},
    {"name": "forced sftp", "at": "127.0.12.3", "says": "sftp connections only", "cure": "ForceCommand"},
    {"name": "forced cat", "at": "127.0.12.4", "says": "sent back what was sent", "cure": "ForceCommand"},
    {"name": "forced words", "at": "127.0.12.5", "says": "Only backups here", "cure": "ForceCommand"},
    {"name": "a forced shell", "at": "127.0.12.6", "says": "starts another shell", "cure": "ForceCommand"},
    {"name": "command=", "key": 'command="/no/rsync" ', "says": "runs another program", "cure": "command="},
    {"name": "command= in words", "key": 'command="$SSH_ORIGINAL_COMMAND" ', "says": "changed the words",
     "cure": 'sh -c "$SSH_ORIGINAL_COMMAND"'},
    {"name": "no rule", "sudoers": "", "says": "without a password", "cure": RULE.strip()},
    {"name": "no rule, and noise", "sudoers": "", "bashrc": "no-such-command\n", "says": "without a password"},
    {"name": "requiretty", "sudoers": f"Defaults:{ACCOUNT} requiretty\n{RULE}", "says": "wants a terminal",
     "cure": "!requiretty"},
    {"name": "no such user", "sudoers": RULE.replace("nobody", "ALL"), "become": "no-such",
     "says": "there is no user no-such"},
    {"name": "another command", "sudoers": f"Defaults:{ACCOUNT} !authenticate\n{ACCOUNT} ALL=(nobody) /bin/true\n",
     "says": "does not let fab-static-otherside run python3 as nobody", "cure": "below every other rule"},
    {"name": "broken rules", "sudoers": "nothing that sudo reads\n", "says": "cannot read its rules",
     "cure": "visudo -c"},
    {"name": "secure_path", "sudoers": f"Defaults:{ACCOUNT} secure_path=/no\n{RULE}", "says": "cannot be started",
     "cure": "secure_path"},
    {"name": "no sudo", "sudoers": "", "bashrc": "PATH=/no\n", "says": "sudo is not installed"},
]  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Run the server; its folder holds the keys, and the account's home."""
    folder = Path(tempfile.mkdtemp(prefix="fab-otherside-", dir="/tmp"))
    folder.chmod(0o755)
    server = None
    try:
        (folder / "home").mkdir()
        words = ["-M", "-d", str(folder / "home"), "-s", "/bin/bash", "-p", "*", ACCOUNT]
        subprocess.run(["useradd", *words], check=True)
        for name in ("host_key", "client_key"):
            words = ["-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(["ssh-keygen", *words], check=True)
        key = " ".join((folder / "host_key.pub").read_text().split()[:2])
        known = f"[127.0.12.*]:{PORT} {key}\n[::1]:{PORT} {key}\n"
        (folder / "known_hosts").write_text(known)
        server = _server(folder)
        yield folder
    finally:
        if server:
            server.terminate()
            server.wait(120)
        SUDOERS.unlink(missing_ok=True)
        subprocess.run(["userdel", "-f", ACCOUNT], check=False, capture_output=True)
        shutil.rmtree(folder)


def _server(folder: Path) -> subprocess.Popen[bytes]:
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert sshd, "sshd is not installed: apt install openssh-server"
    lines = [
        f"PidFile {folder}/pid",
        f"HostKey {folder}/host_key",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "StrictModes no",
        "UsePAM no",
        "UseDNS no",
        "Subsystem sftp internal-sftp",
        f"ListenAddress [::1]:{PORT}",
        *(f"ListenAddress 127.0.12.{last}:{PORT}" for last in (1, *FORCED)),
        *(f"Match LocalAddress 127.0.12.{at}\n  ForceCommand {it}" for at, it in FORCED.items()),
        "",
    ]
    (folder / "sshd_config").write_text("\n".join(lines))
    words = [sshd, "-D", "-E", str(folder / "log"), "-f", str(folder / "sshd_config")]
    server = subprocess.Popen(words)
    assert becomes(lambda: _speaks_ssh("127.0.12.1", PORT))
    return server


def asked(folder: Path, row: dict[str, Any]) -> None:
    """Set the account up, and ask its host for facts."""
    shell = shutil.which(row.get("shell", "/bin/bash"))
    assert shell, f"no {row['shell']} here: tests/servers.sh installs it"
    subprocess.run(["usermod", "-s", shell, ACCOUNT], check=True, capture_output=True)
    (folder / "home" / ".bashrc").write_text(row.get("bashrc", ""))
    public = (folder / "client_key.pub").read_text()
    (folder / "authorized_keys").write_text(row.get("key", "") + public)
    SUDOERS.write_text(row.get("sudoers", ""))
    SUDOERS.chmod(0o440)
    ssh = {
        "user": row.get("user", ACCOUNT),
        "identity": str(folder / "client_key"),
        "known_hosts": str(folder / "known_hosts"),
        "python": row.get("python", "python3"),
    }
    if "sudoers" in row:
        ssh["become"] = row.get("become", "nobody")
    address = row.get("at", "127.0.12.1")
    host = {"address": address, "port": PORT, "roles": ["build", "static", "web"]}
    text = {
        "app": "shop",
        "deploy_to": "/tmp/fab-static-nowhere",
        "hosts": {"web1": host},
        "ssh": ssh,
        "project": {"path": "/srv/code"},
    }
    environment = inventory.parse(json.dumps(text), name="staging", source="staging.yml")
    remote = RemoteHost(environment.hosts[0], environment)
    try:
        remote.ask(verbs.FACTS)
    finally:
        remote.close_agent()
        remote.connection.close()


@pytest.mark.parametrize("row", IN, ids=lambda row: row["name"])
def test_a_login_that_can_run_a_command_lets_us_in(folder, row):
    asked(folder, row)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row["name"])
def test_a_login_that_starts_no_agent_is_told_with_its_cure(folder, row, monkeypatch):
    if row["says"].startswith(("nothing came", "it said", "sent back")):
        monkeypatch.setattr(patience, "SILENCE_SECONDS", 3)  # nothing comes however long one waits
    with pytest.raises(RemoteError) as caught:
        asked(folder, row)
    assert row["says"] in caught.value.what
    assert row.get("cure", "") in caught.value.mend
    assert "import sys" not in caught.value.what  # the agent's program


@pytest.mark.parametrize("release", ["2.7", "3.6", "3.7"])
def test_a_python_that_is_too_old_is_told_with_its_version_and_place(folder, release):
    python = next(pythons.PYENV.glob(f"{release}.*/bin/python"), None)
    if not python:
        pytest.skip(f"no Python {release} here; unit/remote/test_opening.py has its words")
    version = python.parents[1].name
    link = folder / f"python{version}"
    link.symlink_to(python)
    with pytest.raises(RemoteError) as caught:
        asked(folder, {"user": "root", "python": str(link)})
    assert caught.value.what.startswith(f"{link} ")
    assert caught.value.what.endswith(f"is {version}, 3.8 is needed")
