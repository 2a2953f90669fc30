"""What is kept is used again only while everything that it came from is as it was."""

import json
import os
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.django_app import cache
from fab_static.django_app.cache import ABSENT, FOLDER, Cache, Made
from fab_static.errors import BuildError

LONG_AGO = 1_700_000_000
NAMES = ("a.less", "parts/b.less", "img/c.svg")


def state(path: Path) -> str:
    if path.is_dir():
        return FOLDER
    return sha256(path.read_bytes()).hexdigest() if path.exists() else ABSENT


class Builder:
    """Makes a text out of files, and counts how often it had to."""

    def __init__(self, folder: Path, **options) -> None:
        self.folder = folder
        self.code = folder / "code"
        self.code.mkdir(parents=True, exist_ok=True)
        self.made = 0
        self.options = options
        self.cache = self.opened()

    def opened(self) -> Cache:
        """A new process's cache: it remembers nothing but the folder."""
        return Cache(self.folder / "cache", {"code": self.code}, **self.options)

    def write(self, name: str, text: str, *, seconds: float = LONG_AGO) -> None:
        path = self.code / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (seconds, seconds))

    def make(self) -> Made:
        self.made += 1
        files = {str(self.code / name): state(self.code / name) for name in NAMES}
        return Made(self.text(), files)

    def text(self) -> bytes:
        return "".join(f"{name}={state(self.code / name)}\n" for name in NAMES).encode()

    def result(self, key: str = "0" * 64) -> bytes:
        return self.opened().result(key, self.make)

    def entries(self) -> list[Path]:
        return [path for path in (self.folder / "cache").rglob("*") if path.is_file()]


@pytest.fixture
def builder(tmp_path, monkeypatch):
    # else no file of a test is old enough to be known by its stat data
    monkeypatch.setattr(cache, "_RACY_NS", -1)
    builder = Builder(tmp_path)
    builder.write("a.less", "a")
    builder.write("parts/b.less", "b")
    return builder


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(["", "x", "y", "longer"])),
        st.tuples(st.sampled_from(NAMES), st.none()),
        st.tuples(st.just("again"), st.none()),
    ),
    max_size=12,
)


@given(CHANGES)
def test_whatever_happens_to_the_files_the_result_is_what_would_be_made(tmp_path_factory, changes):
    """A wrong reuse is a style sheet of another release: all times equal, all in one instant, it must not happen."""
    builder = Builder(tmp_path_factory.mktemp("any"))
    for name, text in changes:
        if text is not None:
            builder.write(name, text)
        elif name != "again":
            (builder.code / name).unlink(missing_ok=True)
        assert builder.result() == builder.text()


def test_what_has_not_changed_is_not_made_again(builder):
    assert builder.result() == builder.result() == builder.result()
    assert builder.made == 1


def test_an_earlier_state_finds_its_earlier_result(builder):
    first = builder.result()
    builder.write("a.less", "changed")
    second = builder.result()
    builder.write("a.less", "a")

    assert builder.result() == first != second
    assert builder.made == 2


def test_a_file_that_appears_where_one_was_looked_for_is_seen(builder):
    before = builder.result()
    builder.write("img/c.svg", "<svg/>")

    assert builder.result() == builder.text() != before


def test_an_unchanged_file_is_not_read_again(builder, monkeypatch):
    builder.result()
    builder.result()  # reads the files, and keeps their stat data
    monkeypatch.setattr(cache, "_observed", pytest.fail)

    assert builder.result() == builder.text()


def test_new_times_alone_cost_a_reading_but_no_making(builder):
    builder.result()
    builder.result()
    builder.write("a.less", "a", seconds=LONG_AGO + 1)

    assert builder.result() == builder.text()
    assert builder.made == 1


def test_stat_data_of_a_file_just_written_is_not_trusted(builder, monkeypatch):
    """A second write within one tick of the clock, of the same size, changes no stat data."""
    monkeypatch.setattr(cache, "_RACY_NS", 10**18)
    builder.result()
    builder.result()
    (entry,) = builder.entries()

    files = json.loads(entry.read_bytes().split(b"\n")[1])["files"]
    assert files["code:a.less"] == [state(builder.code / "a.less"), None]


def test_a_result_holds_in_another_checkout(builder, tmp_path):
    builder.result()
    other = Builder(tmp_path / "other")
    other.write("a.less", "a")
    other.write("parts/b.less", "b")
    moved = Cache(builder.folder / "cache", {"code": other.code})

    assert moved.result("0" * 64, pytest.fail) == other.text()
    other.write("a.less", "changed")
    assert moved.get("0" * 64) is None


def test_a_result_that_came_from_elsewhere_too_holds_only_where_it_was_made(builder, tmp_path):
    outside = {"/no/such/node_modules": ABSENT}
    builder.cache.put("0" * 64, b"css", outside)
    moved = Cache(builder.folder / "cache", {"code": tmp_path / "other"})

    assert builder.cache.get("0" * 64) == b"css"
    assert moved.get("0" * 64) is None


def test_what_must_not_be_kept_is_not(builder):
    for _ in range(2):
        builder.cache.result("0" * 64, lambda: Made(b"css", None))

    assert builder.entries() == []


@pytest.mark.parametrize("damage", [b"", b"\n\n", None, b"{}\n{}\n"])
def test_a_damaged_entry_is_ignored_and_replaced(builder, damage):
    builder.result()
    (entry,) = builder.entries()
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-1] + b"!" if damage is None else damage)

    assert builder.result() == builder.text()
    assert builder.made == 2
    assert entry.read_bytes() == whole


def test_a_folder_that_cannot_be_written_keeps_nothing_and_hurts_nobody(builder):
    (builder.folder / "cache").write_text("a file")

    assert builder.result() == builder.result() == builder.text()
    assert builder.made == 2


def test_the_least_recently_used_go_when_it_is_full(builder):
    builder.options = {"size": 20_000}
    cache_ = builder.opened()
    for number in range(12):
        cache_.put(f"{number:064}", b"x" * 4000, {})
        (path,) = (builder.folder / "cache" / "00" / f"{number:064}").iterdir()
        os.utime(path, (LONG_AGO + number, LONG_AGO + number))
        cache_.get(f"{0:064}")  # the first is used all the time

    kept = {number for number in range(12) if cache_.get(f"{number:064}")}
    assert {0, 11} <= kept
    assert len(kept) <= 5
    assert kept - {0} == set(range(13 - len(kept), 12))


def test_what_a_killed_build_left_aside_goes(builder):
    builder.result()
    left = builder.entries()[0].with_name(".left")
    left.write_text("half")
    os.utime(left, (LONG_AGO, LONG_AGO))

    builder.opened().put("1" * 64, b"css", {})

    assert not left.exists()


def test_builds_at_once_get_whole_results(builder):
    wrong: list[bytes] = []

    def build():
        for _ in range(20):
            result = builder.result()
            if result != builder.text():
                wrong.append(result)

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert not [path for path in builder.entries() if path.name.startswith(".")]


def test_verifying_makes_everything_and_fails_where_what_is_kept_differs(builder):
    files = builder.make().files
    builder.cache.put("0" * 64, b"of another compiler", files)
    builder.options = {"verify": True}

    with pytest.raises(BuildError) as raised:
        builder.result()

    assert str(raised.value).startswith(
        "what the cache keeps is not what is made from the same files\n  where: " + "0" * 64
    )


def test_verifying_passes_where_nothing_differs(builder):
    builder.result()
    builder.options = {"verify": True}

    assert builder.result() == builder.text()
    assert builder.made == 2


def test_a_file_whose_time_was_set_back_is_known_by_when_it_was_changed(tmp_path):
    file = tmp_path / "a"
    file.write_text("a")
    os.utime(file, (LONG_AGO, LONG_AGO))

    assert cache._observed(str(file)) == (state(file), None)
