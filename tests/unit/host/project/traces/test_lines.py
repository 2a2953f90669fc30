"""Lines of strace become calls, whatever runs at once; what is no such line is not passed over."""

import pytest

from fab_static.host.project.traces.lines import Call, Lines, NotUnderstoodError, unescaped


def calls(text):
    lines = Lines()
    return [call for line in text.splitlines() for call in lines.read(line)]


def test_a_call_has_its_arguments_its_value_and_its_error():
    assert calls(
        '7 openat(AT_FDCWD</srv>, "a", O_RDONLY) = 3</srv/a>\n7 access("b", R_OK) = -1 ENOENT (No such)'
    ) == [
        Call(7, "openat", 'AT_FDCWD</srv>, "a", O_RDONLY', 3, ""),
        Call(7, "access", '"b", R_OK', -1, "ENOENT"),
    ]


def test_a_call_that_another_interrupts_is_joined():
    text = '7 openat(AT_FDCWD</>, "a", O_RDONLY <unfinished ...>\n8 chdir("/b") = 0\n7 <... openat resumed>) = 3</a>'
    assert [(call.process, call.name, call.value) for call in calls(text)] == [
        (8, "chdir", 0),
        (7, "openat", 3),
    ]


def test_a_file_may_have_a_name_that_looks_like_the_end_of_a_call():
    odd = r'7 openat(AT_FDCWD</>, ") = 0 <unfinished ...>", O_RDONLY) = 3</) = 0 \74unfinished ...\76>'
    assert calls(odd)[0].arguments == 'AT_FDCWD</>, ") = 0 <unfinished ...>", O_RDONLY'


def test_a_process_that_ends_in_a_call_has_read_nothing_by_it():
    text = '7 openat(AT_FDCWD</>, "a", O_RDONLY <unfinished ...>\n7 <... openat resumed>) = ?\n7 +++ killed by SIGKILL +++'
    assert calls(text) == []


def test_a_thread_that_becomes_a_program_goes_on_under_the_number_of_the_first():
    text = (
        '8 execve("/bin/x", ["x"], 0x1 /* 2 vars */ <unfinished ...>\n'
        "7 +++ superseded by execve in pid 8 +++\n"
        "7 <... execve resumed>) = 0"
    )
    assert [(call.process, call.name) for call in calls(text)] == [(7, "execve")]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "strace: out of memory",
        "7 openat(AT_FDCWD",
        "7 <... openat resumed>) = 3",
        '7 open("a") = ',
    ],
)
def test_what_is_no_line_of_a_trace_is_refused(line):
    with pytest.raises(NotUnderstoodError):
        calls(line or "\n")


def test_the_processes_that_run_are_known_also_before_their_beginning_has_returned():
    lines = Lines()
    for line in (
        "7 vfork( <unfinished ...>",
        '8 execve("/bin/x", ["x"], 0x1) = 0',
        "8 +++ exited with 0 +++",
        "7 <... vfork resumed>) = 8",
    ):
        list(lines.read(line))
    assert lines.running == {7}
    list(lines.read("7 clone(child_stack=NULL, flags=SIGCHLD) = 9"))
    assert lines.running == {7, 9}


@pytest.mark.parametrize(
    ("quoted", "name"),
    [
        (r"caf\303\251", "café"),
        (r"a\nb\"c\\d", 'a\nb"c\\d'),
        (r"\x63\x61", "ca"),
        (r"x\0017", "x\x017"),
        (r"\74x\76", "<x>"),
        (r"latin\351", "latin\udce9"),
    ],
)
def test_names_are_as_they_are_on_the_disk(quoted, name):
    assert unescaped(quoted) == name
