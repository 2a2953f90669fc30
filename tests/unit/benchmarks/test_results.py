"""What RESULTS.md says of what was measured."""

from benchmarks.results import Figure, Row, keep, ratio, read, table


def row(name="a", ours=(1.0, 2.0, 3.0), theirs=(2.0, 8.0, 3.0), limit=0.6, **more):
    other = Figure(theirs) if theirs else None
    return Row(name, f"the row {name}", Figure(ours), limit, other, **more)


def test_a_ratio_is_the_median_of_the_rounds_own():
    """A round that the whole machine was slow in says as much as any other."""
    assert ratio(Figure((1.0, 20.0, 3.0)), Figure((2.0, 40.0, 3.0))) == 0.5


def test_without_anything_to_compare_with_the_goal_is_of_the_figure_itself():
    assert row(theirs=None, limit=2.0).is_met
    assert not row(theirs=None, limit=1.9).is_met


def test_a_row_measured_again_replaces_the_one_before(tmp_path):
    kept = tmp_path / "kept.json"
    more = {"cpu": (Figure((1.0,), "CPU s"), None), "note": "so"}
    keep([row("a"), row("b")], kept)
    keep([row("a", limit=0.1, **more)], kept)
    assert [(one.name, one.limit) for one in read(kept)] == [("a", 0.1), ("b", 0.6)]
    assert read(kept)[0] == row(
        "a", limit=0.1, at=read(kept)[0].at, load=read(kept)[0].load, **more
    )


def test_a_missed_goal_stands_with_its_reason_and_a_row_without_a_figure_says_so():
    notes = "## a\n\nIt waits for the disk.\n\n## Next\n\nThe disk.\n"
    text = table([row("a", limit=0.1)], ["a", "b"], notes)
    assert "| the row a | 2 s (1 to 3) | 3 s (2 to 8)  | 0.500 | ≤ 0.1 | **missed** |  |" in text
    assert "| b | not measured |" in text
    assert "- **the row a** (0.5, goal 0.1): It waits for the disk." in text
    assert text.endswith("## The next bottleneck\n\nThe disk.\n")


def test_each_row_says_on_which_processors_it_was_measured():
    """Rows of a page come from several machines: seconds of one say nothing beside those of another."""
    text = table([row("a", on="2 of A"), row("b", on="4 of B")], ["a", "b"], "")
    assert ", 2 of A)" in text
    assert ", 4 of B)" in text
