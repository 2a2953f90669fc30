# ruff: noqa: PTH104, PTH105, PTH107, PTH113, PTH123, PTH202, PTH208  # the calls of os are what is recorded
"""What a run did to one static root is done to another, where it would have done the same: else it is run."""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fab_static.host.project.reads.compared import replayed
from fab_static.host.project.reads.recorder import Recorder
from tests.unit.host.examples import examples

FILES = ("a.css", "b.css", "js/a.js", "js/b.js", "js/lib/c.js", "new/d.txt")
FOLDERS = ("", "js", "js/lib", "new")


def copy(root, seen, one, other):
    if (root / one).exists():
        (root / other).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / one, root / other)


def read(root, seen, one, other):
    seen.append((root / one).read_text())


def write(root, seen, one, other):
    (root / one).write_text("written")


def write_what_was_seen(root, seen, one, other):
    (root / one).write_text(" ".join(seen))


def write_aside(root, seen, one, other):
    with tempfile.NamedTemporaryFile("w", dir=(root / one).parent, delete=False) as file:
        file.write(" ".join(seen))
    os.replace(file.name, root / one)


def append(root, seen, one, other):
    with open(root / one, "a") as file:
        file.write("appended")


def overwrite_a_part(root, seen, one, other):
    with open(root / one, "r+") as file:
        file.write("#")


def remove(root, seen, one, other):
    (root / one).unlink(missing_ok=True)


def rename(root, seen, one, other):
    os.replace(root / one, root / other)


def look(root, seen, one, other):
    seen.append(str(os.path.isfile(root / one)))


def measure(root, seen, one, other):
    seen.append(str(os.path.getsize(root / one)))


def list_folder(root, seen, one, other):
    seen.append(str(sorted(os.listdir((root / one).parent))))


def walk(root, seen, one, other):
    seen.append(str(sorted(name for _, _, names in os.walk(root) for name in names)))


def remove_without_a_look(root, seen, one, other):
    os.remove(root / one)


def link(root, seen, one, other):
    os.link(root / one, root / other)


def rename_folder(root, seen, one, other):
    os.rename((root / one).parent, root / "new")


def make_folder(root, seen, one, other):
    (root / one).parent.mkdir()


def make_new(root, seen, one, other):
    with open(root / one, "x") as file:
        file.write("new")


def remove_folder(root, seen, one, other):
    shutil.rmtree((root / one).parent if (root / one).parent != root else root / "js")


STEPS = (
    copy, read, write, write_what_was_seen, write_aside, append, overwrite_a_part, remove, rename,
    look, measure, list_folder, walk, remove_folder, remove_without_a_look, link, make_folder,
    rename_folder, make_new,
)  # fmt: skip
file = st.sampled_from(FILES)
program = st.lists(st.tuples(st.sampled_from(STEPS), file, file), min_size=1, max_size=5)
state = st.dictionaries(file, st.sampled_from(("one", "two", "three")), max_size=5)
change = st.dictionaries(file, st.sampled_from(("one", "four", None)), min_size=1, max_size=2)


def put(root, files):
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def listing(root):
    files = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    return {"files": {name: [path.read_text()] for name, path in files.items()}, "extra": {}}


def run(root, steps):
    """Run steps in a process of their own; return what was recorded of the static root."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            recorder = Recorder(time.time(), [str(root)], [])
            recorder.begin()
            seen = []
            for step, one, other in steps:
                try:
                    step(root, seen, one, other)
                except OSError as error:
                    seen.append(type(error).__name__)
            os.write(
                writing,
                json.dumps(recorder.inside.document(recorder.inputs, recorder.written)).encode(),
            )
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        inside = json.loads(pipe.read())
    os.waitpid(child, 0)
    return inside


@settings(max_examples=examples(150), deadline=None)
@example(
    [(write_aside, "js/a.js", "a.css"), (rename_folder, "js/a.js", "a.css")],
    {"js/a.js": "one"},
    {"js/b.js": "one"},
)
@given(program, state, change)
def test_what_is_replayed_is_what_a_run_would_have_left(steps, before, changes):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "static"
        put(root, before)
        was = listing(root)
        inside = run(root, steps)
        left = listing(root)
        put(root, {name: text for name, text in {**before, **changes}.items() if text})
        now = listing(root)
        found, why = replayed(inside, str(root), was, left, now)
        if found is None:
            assert why
            return
        run(root, steps)
        assert found == listing(root)


def replay(tmp_path, steps, before, changes):
    root = tmp_path / "static"
    put(root, before)
    was = listing(root)
    inside = run(root, steps)
    left = listing(root)
    put(root, {name: text for name, text in {**before, **changes}.items() if text})
    return replayed(inside, str(root), was, left, listing(root))


@pytest.mark.parametrize(
    ("step", "changed"),
    [
        (read, {"a.css": "other"}),
        (read, {"a.css": None}),
        (measure, {"a.css": "other"}),
        (append, {"a.css": "other"}),
        (look, {"a.css": None}),
        (list_folder, {"new/d.txt": "a folder more"}),
        (walk, {"js/b.js": "a file more"}),
    ],
)
def test_what_it_saw_is_run_again(tmp_path, step, changed):
    found, why = replay(
        tmp_path, [(step, "a.css", "")], {"a.css": "one", "js/a.js": "one"}, changed
    )
    assert found is None
    assert why.startswith(str(tmp_path / "static"))


@pytest.mark.parametrize(
    ("step", "changed"),
    [
        (read, {"b.css": "other"}),
        (look, {"a.css": "other"}),
        (list_folder, {"a.css": "other"}),
        (write, {"a.css": "other"}),  # it is written over, whatever it was
        (read, {"js/b.js": "a file more"}),
    ],
)
def test_what_it_did_not_see_is_not(tmp_path, step, changed):
    before = {"a.css": "one", "b.css": "one", "js/a.js": "one"}
    steps = [(step, "a.css", ""), (write_what_was_seen, "js/new.js", "")]
    found, why = replay(tmp_path, steps, before, changed)
    assert why == ""
    expected = {**before, **changed, **({"a.css": "written"} if step is write else {})}
    assert found["files"].pop("js/new.js")
    assert found["files"] == {name: [text] for name, text in expected.items()}


def test_of_a_file_that_is_read_apart_only_the_parts_asked_for_count(tmp_path):
    """Of thousands of versions a page asks for few."""

    def ask(root, seen, one, other):
        sys.audit("fab_static.apart", str(root / one))
        try:
            seen.append((root / one).read_text())
        finally:
            sys.audit("fab_static.apart", None)
        sys.audit("fab_static.part", str(root / one), "js/a.js", "1234567")

    root = tmp_path / "static"
    put(root, {"a.css": "one"})
    assert run(root, [(ask, "a.css", "")]) == {
        "reads": [],
        "writes": [],
        "parts": {str(root / "a.css"): {"js/a.js": "1234567"}},
    }
    inside = run(root, [(ask, "a.css", ""), (read, "a.css", "")])
    assert inside["reads"] == [["bytes", str(root / "a.css")]], "somebody else reads all of it"


def test_what_is_read_apart_elsewhere_is_read_whole(tmp_path):
    """Before a fork knows what lies inside: it must not run on versions that have changed since."""
    file = tmp_path / "versions.yml"
    file.write_text("one")
    recorder = Recorder(time.time(), [], [])
    recorder.hook("fab_static.apart", (str(file),))
    recorder.hook("open", (str(file), "r", 0))
    recorder.hook("fab_static.apart", (None,))
    assert recorder.first_change() is None
    file.write_text("other")
    assert str(file) in recorder.first_change()


def test_files_kept_beside_the_root_count_as_files_in_it():
    inside = {"reads": [["bytes", "/code/versions.yml"]], "writes": ["/code/versions.yml"]}
    was = {"files": {}, "extra": {"/code/versions.yml": ["old"]}}
    left = {"files": {}, "extra": {"/code/versions.yml": ["new"]}}
    now = {"files": {"a.css": ["one"]}, "extra": {"/code/versions.yml": ["old"]}}
    found, _ = replayed(inside, "/code/static", was, left, now)
    assert found == {"files": {"a.css": ["one"]}, "extra": {"/code/versions.yml": ["new"]}}
    now["extra"]["/code/versions.yml"] = None
    assert replayed(inside, "/code/static", was, left, now) == (
        None,
        "/code/versions.yml has changed",
    )
    now["extra"] = {"/code/versions.yaml": ["old"]}
    assert replayed(inside, "/code/static", was, left, now)[0] is None
