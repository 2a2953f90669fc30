"""README and docs are read by people who are in a hurry: their sentences are short.

How it is counted: code blocks, tables, headings and pictures are left out. An item of a list is a paragraph of its own.
A sentence ends at . ! or ? before a capital letter, a bracket, a quote or code; " · " parts what stands in one line.
A word holds a letter or a digit; code in a line counts as the words that stand in it, and a link as its text.

And they are plain: what the code says of itself, too. DIALECT has turns that English does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import ceil
from statistics import median

import pytest

from tests.documented import ROOT

MEDIAN, NINETIETH = 15, 28  # words in a sentence: half of all, and nine of ten, have no more
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

DIALECT = {
    "is none, is no such: say what it is not": r"(?<!there )\b(?:is|are|was|were) (?:none\b|no (?!longer|more\b|different)[a-z])",
    "none where": r"\bnone (?:where|any more)\b",
    "of that what": r"\bof (?:that|those|these) (?:what|which) ",
    "besides: also, beyond, another than": r"\bbesides\b",
    "that of: name the thing again": r"\bthat of\b",
    "by itself: on its own": r"\bby (?:itself|themselves)\b",
    "but for: except for": r"\bbut for\b",
    "as ever: as usual": r"\bas ever\b",
    "at the most: at most": r"\bat the most\b",
    "all the same: anyway": r"(?<!are )(?<!is )\ball the same\b",
    "anew: again": r"(?<=[a-z,`)] )(?<!\bin )(?<!else )anew\b(?! ?=|: NotRequired)",
    "let be: does no harm": r"\b(?:is|are) let be\b",
}
SPOKEN = [
    *PAGES,
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "inventories/example.yml")),
    *sorted((ROOT / "fab_static").rglob("*.py")),
]

_FENCE = re.compile(r"^```.*?^```\s*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_ITEM = re.compile(r"(?:[-*]|\d+\.)\s+")
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z(\"“`*])| · ")


def paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a page, each in one line."""
    for block in re.split(r"\n\s*\n", _FENCE.sub("\n\n", text)):
        if all(line.startswith("    ") for line in block.splitlines()):
            continue  # code
        found: list[str] = []
        for line in map(str.strip, block.splitlines()):
            if line.startswith(("#", "|", "![", "<")):
                continue
            if _ITEM.match(line):
                yield " ".join(found)
                found = []
            found.append(_ITEM.sub("", line, count=1))
        yield " ".join(found)


def sentences(text: str) -> list[int]:
    """Return of each sentence of a page how many words it has."""
    found = (one for text in paragraphs(text) for one in _END.split(_LINK.sub(r"\1", text)))
    counts = (sum(bool(re.search(r"\w", word)) for word in one.split()) for one in found)
    return [count for count in counts if count]


def ninetieth(counts: list[int]) -> int:
    """Return what nine of ten do not exceed."""
    return sorted(counts)[ceil(0.9 * len(counts)) - 1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sentences_are_short(page) -> None:
    counts = sentences(page.read_text("utf-8"))
    assert (median(counts) <= MEDIAN, ninetieth(counts) <= NINETIETH) == (True, True), (
        f"{page.name}: {median(counts)} words in the median, {ninetieth(counts)} at the ninetieth percentile"
    )


def test_nothing_speaks_the_dialect_of_this_house() -> None:
    found = []
    for page in SPOKEN:
        text = re.sub(r"\s+(?:# )?", " ", page.read_text("utf-8"))
        for turn, pattern in DIALECT.items():
            for met in re.finditer(pattern, text):
                around = text[max(0, met.start() - 40) : met.end() + 30]
                found.append(f"{page.relative_to(ROOT)}: {turn}: …{around}…")
    assert found == []


def test_how_it_is_counted() -> None:
    page = """\
# A heading of five words

One [two](three.md) `four five`, six. Seven - eight?
`nine` begins a sentence. So does **ten**.

- an item
- another
  item · and more

| a | table |

```
code
```

    more code
"""
    assert sentences(page) == [5, 2, 4, 3, 2, 2, 2]
    assert ninetieth([*range(1, 11)]) == 9
