"""How our tasks read their words."""

from __future__ import annotations

import copy
from collections import defaultdict

import pytest

from fab_static.errors import InventoryError
from fab_static.tasks import TASKS
from fab_static.tasks.ours import SHORT, folded, left_out, seconds


@pytest.mark.parametrize(
    ("text", "meant"),
    [("0", 0), ("600", 600), ("1.5", 1.5), ("90s", 90), ("5m", 300), ("1 h", 3600), (5.0, 5)],
)
def test_a_time_is_seconds_unless_it_says_otherwise(text: str | float, meant: float) -> None:
    assert seconds(text) == meant


@pytest.mark.parametrize("text", ["", "soon", "-5", "5d", "inf", "1e9", "5m30s", "nan"])
def test_what_is_no_time_is_refused_with_the_words(text: str) -> None:
    with pytest.raises(InventoryError) as caught:
        seconds(text)
    assert str(caught.value) == (
        f'"{text}" is not a time\n  where: --wait\n  mend:  write seconds, or 90s, 5m, 1h: --wait 5m'
    )


def test_a_short_option_means_the_same_in_every_task() -> None:
    """-v was --verify-cache in deploy, and --verbose in rollback."""
    meant = defaultdict(set)
    for task in map(copy.deepcopy, TASKS):  # Invoke takes the help of each away
        for argument in task.get_arguments():
            for name in argument.names:
                if len(name) == 1:
                    meant[name].add(argument.name)
    assert meant == {letter: {name} for name, letter in SHORT.items()}


def test_hosts_are_named_with_commas() -> None:
    assert left_out(" edge2, web3,,edge2") == {"without": ("edge2", "web3")}
    assert left_out(None) == left_out("") == {}


def test_help_fits_80_columns_and_commands_stay_in_their_lines() -> None:
    """Terminals broke lines of 150 columns in the middle of words."""
    word = "twelve chars"
    text = f"""Look · Say {word}.

    fab production why 3f9c1a7b2d4e           {" ".join([word] * 5)}

    Needs: {" ".join([word] * 8)}
        {word} last.
    Leaves: nothing.
    """
    assert folded(text).splitlines() == [
        f"Look · Say {word}.",
        "",
        f"fab production why 3f9c1a7b2d4e           {' '.join([word] * 5)}",
        "",
        f"Needs: {' '.join([word] * 5)}",
        f"{' '.join([word] * 4)} last.",
        "Leaves: nothing.",
    ]
