"""The pieces of which the HTML report is made."""

from __future__ import annotations

from datetime import UTC, datetime

from fab_static.report import pieces


def test_a_change_says_how_much_and_which_share() -> None:
    assert pieces.change(1000, 1500) == "+500 B (+50.0%)"
    assert pieces.change(2000, 500) == "-1.5 kB (-75.0%)"
    assert pieces.change(7, 7) == "same size"
    assert (pieces.change(None, 1), pieces.change(1, None)) == ("new", "gone")


def test_columns_of_numbers_are_marked_and_text_is_escaped() -> None:
    text = pieces.table("Files", ("File", "#Bytes"), [(pieces.path("<a>"), "12")])
    assert '<th scope="col" class=number>Bytes</th>' in text
    assert '<td><span class="path">&lt;a&gt;</span></td><td class="number">12</td>' in text


def test_nothing_is_no_code() -> None:
    assert pieces.code(None) == ""
    assert pieces.code("<x>") == "<code>&lt;x&gt;</code>"


def test_below_the_axis_of_one_day_stand_times():
    def at(day, hour):
        return datetime(2026, 11, day, hour, tzinfo=UTC)

    assert pieces.ends(at(20, 8), at(20, 9)) == ("2026-11-20 08:00", "2026-11-20 09:00")
    assert pieces.ends(at(20, 8), at(22, 8)) == ("2026-11-20", "2026-11-22")
