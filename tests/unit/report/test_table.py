"""Tables as lines of text."""

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich import box
from rich.console import Console
from rich.table import Table

from fab_static.report.table import Column, laid_out, width_of

cells = st.text("abc ü界\u0301-/.", max_size=24).map(str.strip)


def by_rich(columns, width):
    """Return the lines of the same table as rich lays it out: it drew our tables before."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column.name, justify="right" if column.is_right else "left")
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False)
    console.print(table)
    return console.file.getvalue().splitlines()


@given(st.lists(st.tuples(cells, cells, st.integers(0, 10**9).map(str)), min_size=1, max_size=5))
def test_a_table_that_fits_is_as_rich_draws_it(rows):
    columns = [
        Column("host", [row[0] for row in rows]),
        Column("by", [row[1] for row in rows]),
        Column("bytes", [row[2] for row in rows], is_right=True),
    ]
    assert list(laid_out(columns, 100)) == by_rich(columns, 100)


@example([("aa", "a/aaaaa界界")], 12)  # a folder's name and a wide letter take more than a line
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5), st.integers(12, 40))
def test_a_table_is_no_wider_than_the_paper_and_loses_no_letter(rows, width):
    columns = [Column("a", [row[0] for row in rows]), Column("b", [row[1] for row in rows])]
    lines = list(laid_out(columns, width))
    assert max(map(width_of, lines)) <= width
    rule = next(at for at, line in enumerate(lines) if set(line) == {"─"})
    told = sorted("".join(lines[rule + 1 :]).replace(" ", ""))
    assert told == sorted("".join(map("".join, rows)).replace(" ", ""))


def test_the_widest_column_is_broken_first_between_words():
    columns = [Column("phase", ["seal"]), Column("why", ["nothing that it reads has changed"])]
    assert list(laid_out(columns, 27)) == [
        "phase   why                ",
        "───────────────────────────",
        "seal    nothing that it    ",
        "        reads has changed  ",
    ]


def test_an_id_is_never_broken_for_somebody_copies_it():
    release = "20261122T170102Z-3f9c1a7b"
    columns = [Column("id", [release], is_whole=True), Column("by", ["anna@desk"])]
    assert release in "\n".join(laid_out(columns, 20))


def test_a_line_without_utf_8_has_another_rule():
    assert list(laid_out([Column("a", ["b"])], 20, rule="-")) == ["a", "-", "b"]


def test_a_path_that_is_wider_than_its_column_is_cut_between_folders():
    lines = list(laid_out([Column("why", ["/srv/shop/code/shop/static/img/paper.png"])], 18))
    assert [line.rstrip() for line in lines[2:]] == [
        "/srv/shop/code",
        "/shop/static/img",
        "/paper.png",
    ]


STATUS = {
    "host": "build1",
    "roles": "static web",
    "live": "20261128T001115Z-69ea421e",
    "missing": "0",
    "changed": "0",
    "manifest": "796c603a",
    "versions": "154152b5",
}
RELEASES = {
    "id": "20261128T001115Z-69ea421e",
    "state": "previous",
    "revision": "-",
    "created": "2026-11-28 00:11:15",
    "by": "root@vm",
    "files": "186",
    "bytes": "2,691,403",
}


LONG = {**STATUS, "host": "edge-frankfurt-1.static.internal"}


@pytest.mark.parametrize("row", [STATUS, RELEASES, LONG], ids=["status", "releases", "long"])
@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_word_is_broken_where_narrow_gaps_leave_room_for_all(row, width):
    """At 80 columns `status` said "missin" and "g"; beside long names of hosts, each letter had a line."""
    columns = [
        Column(name, [cell], is_whole=name in ("host", "id", "live")) for name, cell in row.items()
    ]
    lines = list(laid_out(columns, width))
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert {word for text in (*row, *row.values()) for word in text.split()} <= {*words}


def test_the_other_cells_stand_below_a_name_that_leaves_them_no_room():
    columns = [
        Column("host", ["edge-frankfurt-1.static.internal"], is_whole=True),
        Column("roles", ["static"]),
        Column("sent", ["13.3 kB"], is_right=True),
    ]
    assert [line.rstrip() for line in laid_out(columns, 40)] == [
        "host",
        "  roles       sent",
        "────────────────────────────────",
        "edge-frankfurt-1.static.internal",
        "  static   13.3 kB",
    ]
