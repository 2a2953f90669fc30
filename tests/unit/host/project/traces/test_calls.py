"""What the calls of a trace mean: files read, looked for and listed; what was written first is not an input."""

import pytest

from fab_static.host.project.traces import strace
from fab_static.host.project.traces.calls import Calls
from fab_static.host.project.traces.seen import ABSENT, Seen


def told(text, apart=(), trust=()):
    seen = Seen(apart, trust)
    calls = Calls(seen, "/srv/code")
    calls.take(text.splitlines())
    calls.end()
    return seen


def test_a_file_is_read_looked_for_and_looked_at():
    seen = told(
        '7 openat(AT_FDCWD</srv/code>, "a.less", O_RDONLY) = 3</srv/code/a.less>\n'
        '7 open("/srv/b", O_RDONLY) = -1 ENOENT (No such file or directory)\n'
        '7 stat("c", {st_mode=S_IFREG|0644, st_size=3, ...}) = 0\n'
        '7 newfstatat(3</srv/code/a.less>, "", {st_mode=S_IFREG|0644, st_size=3, ...}, AT_EMPTY_PATH) = 0'
    )
    assert seen.inputs == {
        ("bytes", "/srv/code/a.less"): None,
        ("bytes", "/srv/b"): ABSENT,
        ("times", "/srv/code/c"): None,
    }
    assert not seen.unseen


STAT = '7 stat("c", {st_mode=S_IFREG|0644, st_size=3, ...}) = 0\n'


@pytest.mark.parametrize(
    ("start", "aspect"),
    [
        ('"/usr/bin/node", ["node", "--stack-size=9", "../bin/r.js", "-o", "build.js"]', "kind"),
        ('"/srv/bin/r.js", ["r.js"]', "kind"),
        ('"/usr/bin/node", ["node", "bin/other.js", "r.js"]', "times"),
        ('"/usr/bin/cat", ["cat", "r.js"]', "times"),
        ('"/usr/bin/node", ["node", "-p", "1"]', "times"),
        ('"/usr/bin/node", ["node", "--version"]', "times"),
    ],
)
def test_times_are_nothing_to_a_program_that_goes_by_content(start, aspect):
    """Its script is meant, too; a file that it is given is not."""
    text = f"7 execve({start}, 0x7ffd /* 9 vars */) = 0\n{STAT}"
    assert (aspect, "/srv/code/c") in told(text, trust=["by_content:r.js"]).inputs
    assert ("times", "/srv/code/c") in told(text, trust=["r.js"]).inputs


def test_a_program_that_another_starts_is_one_of_its_own():
    """A thread, and a copy of the process, are still the program itself."""
    began = '6 execve("/bin/r.js", ["r.js"], 0x1) = 0\n6 vfork() = 7\n'
    became = '7 execve("/bin/stamp", ["stamp"], 0x1) = 0\n'
    for text, aspect in ((began + STAT, "kind"), (began + became + STAT, "times")):
        assert (aspect, "/srv/code/c") in told(text, trust=["by_content:r.js"]).inputs


def test_a_relative_name_is_of_the_folder_that_the_process_went_to():
    seen = told(
        '7 vfork( <unfinished ...>\n8 chdir("/tmp") = 0\n8 open("a", O_RDONLY) = 3\n'
        '8 execve("/bin/x", ["x"], 0x1) = 0\n7 <... vfork resumed>) = 8\n7 open("b", O_RDONLY) = 3'
    )
    assert {path for aspect, path in seen.inputs if aspect == "bytes"} >= {"/tmp/a", "/srv/code/b"}


def test_threads_share_the_folder_that_one_of_them_went_to():
    seen = told(
        "7 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, child_tid=0x1} => {parent_tid=[8]}, 88) = 8\n"
        '8 chdir("/tmp") = 0\n7 open("a", O_RDONLY) = 3'
    )
    assert ("bytes", "/tmp/a") in seen.inputs


def test_calls_of_a_process_wait_until_it_is_known_which_of_two_began_it():
    seen = told(
        '7 clone(child_stack=NULL, flags=SIGCHLD) = 8\n8 chdir("/tmp") = 0\n'
        "7 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>\n"
        "8 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>\n"
        '9 open("a", O_RDONLY) = 3\n10 open("b", O_RDONLY) = 3\n'
        "8 <... clone resumed>) = 9\n7 <... clone resumed>) = 10"
    )
    assert {("bytes", "/tmp/a"), ("bytes", "/srv/code/b")} <= set(seen.inputs)
    assert not seen.unseen


def test_a_process_that_nobody_began_has_no_folder_that_is_known():
    seen = told('7 open("a", O_RDONLY) = 3\n8 open("b", O_RDONLY) = 3')
    assert seen.unseen == [
        "its trace is not understood: b is relative to a folder that is not known"
    ]


def test_what_a_run_wrote_it_may_read():
    seen = told(
        '7 open("a.css", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3\n7 open("a.css", O_RDONLY) = 4\n'
        '7 mkdir("out", 0777) = 0\n7 open("out/b", O_RDONLY) = 5\n7 rename("a.css", "out/c.css") = 0'
    )
    assert seen.inputs == {}
    assert seen.written == {
        "/srv/code/a.css": False,
        "/srv/code/out": False,
    }


def test_what_a_run_read_and_then_wrote_is_known():
    seen = told('7 open("a", O_RDONLY) = 3\n7 open("a", O_WRONLY|O_TRUNC) = 4')
    assert seen.written == {"/srv/code/a": True}


def test_a_log_that_is_only_appended_to_is_neither_read_nor_written():
    seen = told('7 open("log", O_WRONLY|O_CREAT|O_APPEND, 0666) = 3')
    assert (seen.inputs, seen.written) == ({}, {})


def test_a_folder_is_listed_with_the_names_that_were_in_it_then():
    entry = "d_ino=1, d_off=2, d_reclen=24, "
    seen = told(
        f'7 getdents64(3</srv/code>, [{{{entry}d_type=DT_DIR, d_name="."}}, '
        f'{{{entry}d_type=DT_REG, d_name="\\303\\251"}}], 32768) = 48\n'
        f'7 getdents64(3</srv/code>, [{{{entry}d_type=DT_DIR, d_name="b"}}], 32768) = 24\n'
        "7 getdents64(3</srv/code>, [], 32768) = 0"
    )
    assert seen.listed == {"/srv/code": {("é", "DT_REG"), ("b", "DT_DIR")}}


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (
            'connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("1.2.3.4")}, 16) = 0',
            "asked the network",
        ),
        (
            "connect(3, {sa_family=AF_INET6, sin6_port=htons(1)}, 28) = -1 EINPROGRESS (Now)",
            "asked the network",
        ),
        (
            'sendto(3, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(53)}, 16) = 1',
            "asked the network",
        ),
        (
            'connect(3, {sa_family=AF_UNIX, sun_path="/run/watchman"}, 16) = 0',
            "asked a program that was running, through /run/watchman",
        ),
        ("io_uring_setup(8, {flags=0}) = 3", "called io_uring_setup, which may read unseen"),
        ('mount("a", "/b", "c", 0, NULL) = 0', "called mount, which may read unseen"),
        ("unshare(CLONE_NEWNS) = 0", "changed what it sees of the file system"),
        ('made_up("a") = 0', "called made_up, which may read unseen"),
    ],
)
def test_what_cannot_be_seen_is_told_with_the_name_of_the_program(call, why):
    text = f'7 execve("/opt/tool", ["tool"], 0x1) = 0\n7 {call}'
    assert told(text).unseen == [f"tool {why}"]
    assert told(text, trust=["tool"]).unseen == []
    assert told(text, trust=["by_content:tool"]).unseen == [f"tool {why}"]


@pytest.mark.parametrize(
    "call",
    [
        'connect(3, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = 0',
        'connect(3, {sa_family=AF_UNIX, sun_path="/dev/log"}, 110) = 0',
        "connect(3, {sa_family=AF_NETLINK, nl_pid=0}, 12) = 0",
        "io_uring_setup(8, {flags=0}) = -1 EPERM (Operation not permitted)",
        'openat(AT_FDCWD</>, "/proc/meminfo", O_RDONLY) = 3',
        'openat(AT_FDCWD</>, "/dev/null", O_RDWR) = 3',
        'sendto(3, "x", 1, 0, NULL, 0) = 1',
    ],
)
def test_what_says_nothing_of_files_does_not_count(call):
    seen = told(f"7 {call}")
    assert (seen.inputs, seen.written, seen.unseen) == ({}, {}, [])


def test_a_socket_of_the_runs_own_may_be_asked():
    seen = told(
        '7 bind(3, {sa_family=AF_UNIX, sun_path="/tmp/own"}, 16) = 0\n'
        '7 connect(4, {sa_family=AF_UNIX, sun_path="/tmp/own"}, 16) = 0'
    )
    assert not seen.unseen


def test_what_the_run_is_there_to_make_is_no_input():
    seen = told(
        '7 stat("dist/a.js", {st_mode=S_IFREG|0644, st_size=3, ...}) = 0', apart=["/srv/code/dist"]
    )
    assert seen.inputs == {}


def test_a_cache_that_a_run_touches_is_one_that_it_keeps():
    seen = told(
        '7 open("/srv/code/.cache/a", O_RDONLY) = 3\n7 utimensat(3</srv/code/.cache/a>, NULL, NULL, 0) = 0\n'
        '7 utimensat(AT_FDCWD</srv/code>, "b", NULL, 0) = 0'
    )
    assert seen.caches() == {"/srv/code/.cache"}
    assert not seen.unseen


REFUSED = [
    '7 openat(AT_FDCWD</srv>, "a", O_WRONLY|O_CREAT|O_TRUNC, 0666) = -1 EACCES (Permission denied)\n',
    '7 openat(AT_FDCWD</srv>, "a", O_RDONLY|O_CREAT, 0666) = -1 EACCES (Permission denied)\n',
    '7 open("a", O_RDWR) = -1 EACCES (Permission denied)\n',
    '7 rename("a", "b") = -1 EXDEV (Invalid cross-device link)\n',
    '7 unlink("a") = -1 EACCES (Permission denied)\n',
    "7 socket(AF_UNIX, SOCK_STREAM, 0) = -1 EACCES (Permission denied) (INJECTED)\n",
]
LET = [
    '7 openat(AT_FDCWD</srv>, "a", O_RDONLY|O_CLOEXEC) = -1 EACCES (Permission denied)\n',
    '7 mkdir("a", 0777) = -1 EEXIST (File exists)\n',
    '7 access("a", W_OK) = -1 EACCES (Permission denied)\n',
]


@pytest.mark.parametrize("text", REFUSED)
def test_whoever_is_confined_and_goes_on_without_leaves_no_result(text, monkeypatch):
    assert told(text).unseen == [], "such a program meets the same the next time"
    monkeypatch.setattr(strace, "_refused", ["socket"])
    (why,) = told(text).unseen
    assert why.startswith("it was refused ")


@pytest.mark.parametrize("text", LET)
def test_what_nobody_refuses_is_a_look_as_any_other(text, monkeypatch):
    monkeypatch.setattr(strace, "_refused", ["socket"])
    assert told(text).unseen == []
