"""The agent as a process of its own, started and asked the way the operator's program does it."""

import contextlib
import hashlib
import json
import os
import select
import shlex
import subprocess
import sys
import threading
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fab_static.errors import ReleaseError, RemoteError
from fab_static.host.agent.protocol import FRAME, HELLO, MAX_FRAME, RECORD
from fab_static.plan.inventory import Environment, Host, Project, Ssh
from fab_static.plan.wire import asks, verbs
from fab_static.remote import RemoteHost, sent
from tests.processes import alive, becomes

A = "20261121T170102Z-00000001"


def environment_at(folder, **ssh):
    host = Host("here", "here", ("build", "static", "web"), local=True)
    return Environment(
        name="production",
        app="shop",
        deploy_to=str(folder),
        hosts=(host,),
        project=Project(path="/srv/shop/code"),
        ssh=Ssh(**ssh),
    )


@contextlib.contextmanager
def opened(folder, **ssh):
    environment = environment_at(folder, **ssh)
    host = RemoteHost(environment.hosts[0], environment)
    try:
        yield host
    finally:
        host.close_agent()


@pytest.fixture
def host(tmp_path):
    with opened(tmp_path / "deploy_to") as host:
        yield host


@pytest.fixture(scope="module")
def kept_host(tmp_path_factory):
    """One agent for all examples of a property."""
    with opened(tmp_path_factory.mktemp("kept") / "deploy_to") as host:
        yield host


def sha256_of(data):
    return hashlib.sha256(data).hexdigest()


def record_of(data):
    return RECORD.pack(bytes.fromhex(sha256_of(data)), len(data))


def changed(archive, old, new):
    """Return an archive with a text changed in its sources, and how often it stood there."""
    sources = zlib.decompress(archive).decode()
    return zlib.compress(sources.replace(old, new).encode()), sources.count(old)


# ---- an agent without our client, for what our client would never send


class RawAgent:
    """The bare process: bytes in, bytes out."""

    def __init__(self, roles=("build", "static", "web"), python=sys.executable):
        agent = sent.agent_for(roles)
        self.process = subprocess.Popen(
            agent.command(python, "/not/kept"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        self.write(agent.asking(b"") + agent.archive)
        greeting = b""
        while not greeting.endswith(HELLO):
            greeting += self.process.stdout.read(1)
        self.hello, _ = self.frame()

    def write(self, data):
        self.process.stdin.write(data)

    def send(self, head, body=b""):
        text = json.dumps(head).encode()
        self.write(FRAME.pack(len(text), len(body)) + text + body)

    def exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.process.stdout.read(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def frame(self):
        head_size, body_size = FRAME.unpack(self.exactly(FRAME.size))
        head = json.loads(self.exactly(head_size))
        return head, self.exactly(body_size)

    def answer(self):
        while True:
            head, body = self.frame()
            if "ok" in head or "error" in head:
                return head, body

    def end(self):
        """Return the exit code, and what stood on both streams after it was gone."""
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out, err


@pytest.fixture
def raw():
    agent = RawAgent()
    yield agent
    agent.process.kill()
    agent.process.communicate()


def test_the_agent_says_who_and_what_it_is(raw):
    assert raw.hello["agent"] == 1
    assert raw.hello["python"] == ".".join(map(str, sys.version_info[:3]))
    assert set(raw.hello) == {"agent", "python", "user", "machine"}


def test_the_agent_ends_without_a_word_when_its_input_ends(raw):
    raw.process.stdin.close()
    raw.process.stdin = None
    assert raw.end() == (0, b"", b"")


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        FRAME.pack(MAX_FRAME + 1, 0),
        FRAME.pack(0, MAX_FRAME + 1),
        b"\xff" * 64,
        FRAME.pack(3, 0) + b"{x}",
        FRAME.pack(0, 0),
        FRAME.pack(2, 0) + b"\xff\xfe",
        FRAME.pack(100_000, 0) + b"[" * 100_000,
        FRAME.pack(10, 0) + b"cut",
        FRAME.pack(2, 10) + b"{}cut",
        b"\0",
    ],
    ids=lambda garbage: repr(garbage[:12]),
)
def test_garbage_ends_the_agent_without_a_trace(raw, garbage, tmp_path):
    raw.send({"do": "open", "deploy_to": str(tmp_path / "x"), "app": "a", "environment": "e"})
    raw.answer()
    with contextlib.suppress(BrokenPipeError):
        raw.write(garbage)
        raw.process.stdin.close()
    raw.process.stdin = None
    assert raw.end() == (0, b"", b"")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "head", [{}, {"do": "nothing"}, {"do": 5}, {"do": ["x"]}, [], 5, None, "x", {"do": "open"}]
)
def test_a_request_that_makes_no_sense_is_answered_and_the_next_one_works(raw, tmp_path, head):
    raw.send({"do": "open", "deploy_to": str(tmp_path / "x"), "app": "a", "environment": "e"})
    raw.answer()
    raw.send(head)
    assert raw.answer()[0]["error"]["what"].startswith("the agent failed: ")
    raw.send({"do": "look_at_lock"})
    assert raw.answer()[0]["ok"] is True


def test_what_a_command_or_a_bug_prints_never_comes_between_the_frames(raw, tmp_path):
    raw.send({"do": "open", "deploy_to": str(tmp_path / "x"), "app": "a", "environment": "e"})
    raw.answer()
    raw.send({"do": "run", "command": ["sh", "-c", "echo noise > /proc/$PPID/fd/1"], "timeout": 10})
    assert raw.answer()[0]["code"] == 0
    raw.process.stdin.close()
    raw.process.stdin = None
    assert raw.end() == (0, b"", b"noise\n")


def test_a_hang_up_of_the_terminal_does_not_end_the_agent(raw, tmp_path):
    raw.process.send_signal(1)
    raw.send({"do": "open", "deploy_to": str(tmp_path / "x"), "app": "a", "environment": "e"})
    assert raw.answer()[0] == {"ok": True}


# ---- with our client


def wrapper(tmp_path, script):
    """Return a program that prints like a login, and then is Python."""
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\n{script}\nexec {shlex.quote(sys.executable)} "$@"\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    "script",
    [
        "echo 'Welcome to edge1!'",
        "printf 'no newline at the end'",
        "printf '\\nfab_static agent 2\\n'",
        "printf '\\nfab_static agent'",
        "printf '\\0\\377\\n\\n\\n{\"ok\": true}'",
        "i=0; while [ $i -lt 2000 ]; do echo 'all activity is monitored and logged'; i=$((i+1)); done",
        "echo 'stty: standard input: Inappropriate ioctl for device' >&2",
    ],
)
def test_a_greeting_before_the_agent_speaks_is_read_over(tmp_path, monkeypatch, script):
    monkeypatch.setattr(sys, "executable", wrapper(tmp_path, script))
    with opened(tmp_path / "deploy_to") as host:
        assert host.ask(verbs.STATE)[0]["releases"] == []
        assert host.hello["agent"] == 1


def test_a_login_that_prints_without_end_is_refused(tmp_path, monkeypatch):
    script = "head -c 400000 /dev/zero | tr '\\0' x; exec cat >/dev/null"
    monkeypatch.setattr(sys, "executable", wrapper(tmp_path, script))
    with opened(tmp_path / "deploy_to") as host, pytest.raises(RemoteError) as caught:
        host.ask(verbs.STATE)
    assert caught.value.what == "the host agent did not start: the login prints without end"


def test_a_login_that_ends_at_once_is_told_with_its_own_words(tmp_path, monkeypatch):
    script = "echo 'This account is not available.' >&2; exit 1"
    monkeypatch.setattr(sys, "executable", wrapper(tmp_path, script))
    with opened(tmp_path / "deploy_to") as host, pytest.raises(RemoteError) as caught:
        host.ask(verbs.STATE)
    assert caught.value.what == "the host agent did not start: This account is not available."
    assert caught.value.where == "here"


def test_a_host_without_python_says_what_to_install(tmp_path, monkeypatch):
    script = "echo 'sh: 1: python3: not found' >&2; exit 127"
    monkeypatch.setattr(sys, "executable", wrapper(tmp_path, script))
    with opened(tmp_path / "deploy_to") as host, pytest.raises(RemoteError) as caught:
        host.ask(verbs.STATE)
    assert caught.value.what == "python3 cannot be started: sh: 1: python3: not found"
    assert caught.value.mend == (
        "install Python 3.8 or later there (Debian: apt-get install python3)"
    )


def test_a_sudo_that_wants_a_password_is_told_with_the_line_to_add(tmp_path, monkeypatch):
    sudo = tmp_path / "sudo"
    sudo.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with (
        opened(tmp_path / "x", become="www-data", user="deploy") as host,
        pytest.raises(RemoteError) as caught,
    ):
        host.ask(verbs.STATE)
    assert caught.value.what == (
        "sudo does not let deploy become www-data without a password: sudo: a password is required"
    )
    assert caught.value.mend == (
        "add to /etc/sudoers.d/fab-static there: deploy ALL=(www-data) NOPASSWD: ALL"
    )


def test_a_machine_without_sudo_is_an_expected_failure(tmp_path, monkeypatch):
    """Not a traceback of subprocess: the inventory asked for `become`."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with opened(tmp_path / "x", become="www-data") as host, pytest.raises(RemoteError) as caught:
        host.ask(verbs.STATE)
    assert caught.value.where == "here"


odd_names = st.one_of(
    st.sampled_from(
        ["a b", "it's", '"q"', "new\nline", "\t", "-rf", "$(x)", "\u00fc", "\U0001f600"]
    ),
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=20
    ),
    st.binary(min_size=1, max_size=20).map(
        lambda data: os.fsdecode(data.translate(None, b"/\0") or b"x")
    ),
).filter(lambda name: name not in {".", ".."})


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(odd_names, min_size=1, max_size=4, unique=True), st.data())
def test_file_names_of_any_bytes_travel_both_ways(kept_host, tmp_path_factory, names, data):
    folder = tmp_path_factory.mktemp("static")
    files = {name: data.draw(st.binary(max_size=20)) for name in names}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    listing = kept_host.ask(verbs.SNAPSHOT, asks.Snapshot(root=str(folder), extra=[]))[0]["listing"]
    told = json.loads(kept_host.ask(verbs.READ_OBJECT, asks.Object(object=listing))[1])["files"]
    assert {name: known[0] for name, known in told.items()} == {
        name: sha256_of(content) for name, content in files.items()
    }
    for name in names:
        (folder / name).unlink()
    kept_host.ask(verbs.RESTORE, asks.Restore(listing=listing, root=str(folder)))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300_000))
def test_bodies_of_any_bytes_travel_both_ways(kept_host, body):
    head, _ = kept_host.ask(verbs.PUT_OBJECT, body=body)
    assert kept_host.ask(verbs.READ_OBJECT, asks.Object(object=head["object"]))[1] == body


def test_one_agent_answers_many_requests(host):
    pids = {host.run(["sh", "-c", "echo $PPID"]).output for _ in range(3)}
    assert len(pids) == 1


def test_objects_stream_from_host_to_host(tmp_path):
    contents = [os.urandom(700_000), b"text " * 100_000, b"", b"x"]
    wanted = b"".join(map(record_of, contents))
    with opened(tmp_path / "a") as source, opened(tmp_path / "b") as target:
        for data in contents:
            source.ask(verbs.PUT_OBJECT, body=data)
        assert target.ask(verbs.MISSING, asks.Missing(), wanted)[1] == wanted
        assert target.take(verbs.STORE, source.packs(verbs.FETCH, wanted))["stored"] == 4
        assert target.ask(verbs.MISSING, asks.Missing(), wanted)[1] == b""


def test_after_a_stream_was_refused_the_next_request_gets_its_own_answer(host):
    """A full disk in the middle of a distribute: undo and unlock must not read its leftovers."""
    bad = record_of(b"right") + b"wrong"
    frames = [({"pack": "plain"}, bad), *[({"pack": "plain"}, os.urandom(1000))] * 5]
    with pytest.raises(RemoteError, match="the bytes that arrived are not those of object"):
        host.take(verbs.STORE, frames)
    assert host.ask(verbs.STATE)[0]["releases"] == []


def test_a_refusal_keeps_what_where_and_mend(host, tmp_path):
    with pytest.raises(ReleaseError) as caught:
        host.ask(
            verbs.FLIP,
            asks.Flip(
                release=A, links={}, entry={}, manifest=None, reload=None, confirm_timeout=60
            ),
        )
    assert caught.value.what == f"there is no release {A}"
    assert caught.value.where == f"here: {tmp_path}/deploy_to/releases"
    assert caught.value.mend == "choose one that `releases` lists"
    assert host.ask(verbs.STATE)[0]["current"] is None, "the agent lives on"


def test_a_refusal_of_a_kind_of_its_own_is_a_remote_error(host, tmp_path):
    (tmp_path / "static").mkdir()
    (tmp_path / "static/link").symlink_to("/etc/passwd")
    with pytest.raises(RemoteError) as caught:
        host.ask(verbs.SNAPSHOT, asks.Snapshot(root=str(tmp_path / "static"), extra=[]))
    assert caught.value.what == "link is a symbolic link to /etc/passwd"


def test_a_command_streams_its_output_while_it_runs(host, tmp_path):
    """An operator watches a build of minutes; the gate opens only when its first line was seen."""
    gate = tmp_path / "gate"
    seen = []

    def on_output(data):
        seen.append(data)
        gate.touch()

    script = f"echo first; while [ ! -e {shlex.quote(str(gate))} ]; do :; done; echo second"
    ran = host.run(["sh", "-c", script], on_output=on_output)
    assert (ran.code, ran.output) == (0, "first\nsecond\n")
    assert seen[0] == b"first\n"


def test_ticks_do_not_disturb_an_answer(tmp_path, monkeypatch):
    """A tick is sent while a request works; here it comes as fast as it can."""
    *words, line = sent.command_here(sys.executable)
    fast = line.replace(";main()", ";main.__globals__['TICK_SECONDS']=0.0005;main()")
    assert fast != line
    monkeypatch.setattr(sent, "command_here", lambda _: [*words, fast])
    data = os.urandom(600_000)
    with opened(tmp_path / "deploy_to") as host:
        gate = tmp_path / "gate"
        ran = host.run(
            ["sh", "-c", f"echo a; while [ ! -e {shlex.quote(str(gate))} ]; do :; done; echo b"],
            on_output=lambda _: threading.Timer(0.05, gate.touch).start(),
        )
        assert ran.output == "a\nb\n"
        host.ask(verbs.PUT_OBJECT, body=data)
        wanted = record_of(data)
        received = b"".join(body for _, body in host.packs(verbs.FETCH, wanted))
        assert received == wanted + data


def test_the_end_of_the_connection_ends_a_running_command(tmp_path):
    """Ctrl-C, a dead laptop: no build may run on for nobody, writing where the next one works."""
    pids = []
    with opened(tmp_path / "deploy_to") as host:

        def on_output(data):
            pids.extend(map(int, data.split()))
            host._agent._channel._process.stdin.close()

        with pytest.raises(RemoteError, match="the connection was cut"):
            host.run(["sh", "-c", "sleep 60 & echo $$ $!; wait"], on_output=on_output)
    assert len(pids) == 2
    assert becomes(lambda: not any(map(alive, pids)))


def test_closing_the_agent_from_another_thread_ends_a_running_command(tmp_path):
    """This is what Ctrl-C does while all hosts work."""
    with opened(tmp_path / "deploy_to") as host:
        pids, started = [], threading.Event()

        def on_output(data):
            pids.append(int(data))
            started.set()

        def close():
            started.wait()
            host.close_agent()

        closer = threading.Thread(target=close)
        closer.start()
        with pytest.raises(RemoteError):
            host.run(["sh", "-c", "echo $$; exec sleep 60"], on_output=on_output)
        closer.join()
        assert becomes(lambda: not alive(pids[0]))


def test_the_end_of_the_connection_leaves_word_on_the_lock(tmp_path):
    with opened(tmp_path / "deploy_to") as first, opened(tmp_path / "deploy_to") as second:
        first.ask(verbs.LOCK, asks.Lock(owner="anna@desk", phase="deploy"))
        assert not second.ask(verbs.LOCK, asks.Lock(owner="ben@desk", phase="deploy"))[0]["taken"]
        first.close_agent()
        head, _ = second.ask(verbs.LOCK, asks.Lock(owner="ben@desk", phase="deploy"))
        assert head["taken"]
        assert head["took_over"]["abandoned"]


def test_when_an_operator_is_gone_the_agent_that_lifted_his_links_puts_them_back(tmp_path):
    """The lock is held by another agent: nobody lowered anything after kill -9 in the middle of a build."""
    link, live = tmp_path / "versions.yml", tmp_path / "live.yml"
    live.write_text("live")
    link.symlink_to(live)
    with opened(tmp_path / "deploy_to") as build, opened(tmp_path / "deploy_to") as heart:
        heart.ask(verbs.LOCK, asks.Lock(owner="anna@desk", phase="deploy"))
        build.ask(verbs.LIFT, asks.Links(links={str(link): str(live)}))
        link.write_text("half a build")
    assert becomes(link.is_symlink)
    assert live.read_text() == "live"


def test_an_agent_that_is_killed_at_its_work_is_told_as_a_cut_connection_and_started_anew(host):
    with pytest.raises(RemoteError) as caught:
        host.run(["sh", "-c", "kill -9 $PPID; exec sleep 60"])
    assert caught.value.what.startswith("the connection was cut (")
    assert caught.value.where == "here"
    assert host.ask(verbs.STATE)[0]["current"] is None


def test_an_agent_that_ended_with_nothing_to_do_is_started_anew_whatever_is_asked(host):
    """A server's ChannelTimeout, or a firewall, ended it: nothing was under way (fleet C17)."""
    first = int(host.run(["sh", "-c", "echo $PPID"]).output)
    os.kill(first, 9)
    assert becomes(lambda: host._agent.has_ended)
    assert host.ask(verbs.PUT_OBJECT, body=b"x")[0]["size"] == 1
    assert int(host.run(["sh", "-c", "echo $PPID"]).output) != first


def test_who_says_that_he_is_alive_opens_an_agent_that_ended_anew(host):
    """A host whose flip nobody has confirmed goes back when it hears nothing."""
    first = int(host.run(["sh", "-c", "echo $PPID"]).output)
    os.kill(first, 9)
    assert becomes(lambda: host._agent.has_ended)
    host.alive()
    assert becomes(lambda: host._agent.is_open and not host._agent.has_ended)
    assert int(host.run(["sh", "-c", "echo $PPID"]).output) != first


def test_an_agent_that_hears_nothing_but_that_we_are_here_does_nothing(host):
    host.ask(verbs.PING)
    host.keep()
    assert host.ask(verbs.STATE)[0]["current"] is None


def test_a_siblings_agent_is_another_process_on_the_same_host(host):
    sibling = host.sibling()
    try:
        sibling.ask(verbs.LOCK, asks.Lock(owner="anna@desk", phase="deploy"))
        assert host.ask(verbs.LOOK_AT_LOCK)[0]["holder"]["owner"] == "anna@desk"
    finally:
        sibling.close_agent()


def test_what_the_agent_writes_can_be_read_by_nginx_whatever_the_logins_umask(tmp_path):
    before = os.umask(0o077)
    try:
        with opened(tmp_path / "deploy_to") as host:
            host.ask(verbs.PUT_OBJECT, body=b"x")
            host.ask(verbs.WRITE_JOURNAL, body=b"{}")
    finally:
        os.umask(before)
    for path in (tmp_path / "deploy_to").rglob("*"):
        assert path.stat().st_mode & 0o044 == 0o044, path


def test_the_agent_seldom_looks_for_cycles_in_a_large_release():
    main = (
        "import gc, sys; from fab_static.host.agent import wire;"
        "wire.Agent.serve = lambda agent: print(gc.get_threshold()[0], file=sys.stderr); wire.main()"
    )
    ran = subprocess.run([sys.executable, "-c", main], capture_output=True, text=True, check=True)
    assert int(ran.stderr) >= 10_000


def test_the_agent_leaves_nothing_readable_behind_on_its_streams(host):
    host.ask(verbs.STATE)
    process = host._agent._channel._process
    assert not select.select([process.stdout, process.stderr], [], [], 0)[0]
