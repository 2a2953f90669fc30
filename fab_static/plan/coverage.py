"""Which compress blocks the offline manifest lacks, and why: told so that one look is enough.

A block's key is the SHA-256 of its rendered text, STATIC_URL taken out. So a page that misses its block
differs from what was built somewhere: the nearest built block shows in which line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from fab_static.plan.wire import questions
from fab_static.plan.wording import first_line, some_of

LINES_SHOWN = 12  # of a block's text
GAPS_SHOWN = 20
WORDS_SHOWN = 4  # of codes and names in one sentence
WIDTH_SHOWN = 100  # characters of a line that differs
COMPARED = 2000  # characters of two texts that are compared for likeness
CANDIDATES = 8
LIKE = 0.5  # below this ratio a block at the same place is another one: blocks were added before it

NOTHING_TO_COMPARE = (
    "the build host renders no block of this manifest now, to compare with: its checkout, settings or "
    "libraries have changed since the build"
)

_VISIBLE = str.maketrans({" ": "·", "\t": "→", "\r": "␍", "\N{NO-BREAK SPACE}": "⍽"})


@dataclass(frozen=True)
class Block:
    """A compress block as it was rendered, in one offline context."""

    template: str
    block: int  # its number in the page
    line: int | None
    inside: str  # the template that it stands in: often one that the page extends
    key: str
    text: str

    @property
    def place(self) -> str:
        """Where it is, in words."""
        line = "" if self.line is None else f", line {self.line}"
        of = "" if self.inside == self.template else f" of {self.inside}"
        return f"{self.template}, block {self.block}{line}{of}"


@dataclass(frozen=True)
class Difference:
    """The first line in which two texts differ; `built` or `here` is None where that text has ended."""

    line: int
    built: str | None
    here: str | None
    only_whitespace: bool


def block_of(told: questions.Rendered, text: str) -> Block:
    """Return the block that the probe tells of."""
    return Block(told["template"], told["block"], told["line"], told["in"], told["key"], text)


def built_blocks(answer: questions.Coverage, manifest: Iterable[str] | None = None) -> list[Block]:
    """Return the blocks of a coverage answer with texts; with a manifest only those whose key it has."""
    keys = None if manifest is None else {*manifest}
    return [
        block_of(told, answer["texts"][told["key"]])
        for told in answer["rendered"]
        if keys is None or told["key"] in keys
    ]


def nearest(gap: Block, built: Sequence[Block]) -> Block | None:
    """Return the built block that a missing one was meant to be: the one in its place, or the most alike."""
    same = [each for each in built if (each.template, each.block) == (gap.template, gap.block)]
    best = _most_alike(gap, same)
    if best and _likeness(gap, best) >= LIKE:
        return best
    return _most_alike(gap, built)


def _most_alike(gap: Block, built: Sequence[Block]) -> Block | None:
    words = {*gap.text.split()}
    # comparing is dear: only the few that share most words with it
    by_words = sorted(
        built,
        key=lambda each: (
            len(words ^ {*each.text.split()}),
            abs(len(gap.text) - len(each.text)),
            each.place,
        ),
    )
    unlike: dict[str, Block] = {}
    for each in by_words:
        unlike.setdefault(each.key, each)
    few = list(unlike.values())[:CANDIDATES]
    return max(few, key=lambda each: _likeness(gap, each), default=None)


def _likeness(one: Block, other: Block) -> float:
    texts = one.text[:COMPARED], other.text[:COMPARED]
    return SequenceMatcher(None, *texts, autojunk=False).ratio()


def first_difference(
    built: str, here: str, static_urls: tuple[str, str] = ("", "")
) -> Difference | None:
    """Return the first line in which the texts differ, as far as their keys can see it; None if in none.

    Args:
        built: the built block's text.
        here: the missing block's text.
        static_urls: STATIC_URL there and here, which do not count.
    """
    lines = built.split("\n"), here.split("\n")
    counted = [
        [line.replace(url, "") if url else line for line in each]
        for each, url in zip(lines, static_urls, strict=True)
    ]
    most = max(map(len, lines))
    for at in range(most):
        one, other = (each[at] if at < len(each) else None for each in counted)
        if one != other:
            rest = ["".join("".join(each[at:]).split()) for each in counted]
            only = "".join((one or "").split()) == "".join((other or "").split())
            only = rest[0] == rest[1] or (only and one is not None and other is not None)
            there, mine = (each[at] if at < len(each) else None for each in lines)
            return Difference(at + 1, there, mine, only)
    return None


def describe(
    gap: Block, built: Sequence[Block], static_urls: tuple[str, str] = ("", "")
) -> list[str]:
    """Return the lines that compare a missing block with the nearest built one, or none if there is none."""
    near = nearest(gap, built)
    if near is None:
        return [NOTHING_TO_COMPARE]
    found = first_difference(near.text, gap.text, static_urls)
    if found is None:  # texts are told up to a limit
        return [f"the nearest built block is {near.place}; they differ behind the part compared"]
    one, other = _cut(found.built, found.here, whitespace=found.only_whitespace)
    only = ", in white space alone" if found.only_whitespace else ""
    return [
        f"the nearest built block is {near.place}; they differ first in line {found.line}{only}:",
        f"built: {one}",
        f"here:  {other}",
    ]


def _cut(one: str | None, other: str | None, *, whitespace: bool) -> tuple[str, str]:
    """Return both lines, long ones around the place where they part."""
    texts = [one or "", other or ""]
    at = next(
        (n for n, (a, b) in enumerate(zip(*texts, strict=False)) if a != b),
        min(map(len, texts)),
    )
    start = max(0, at - WIDTH_SHOWN // 2) if max(map(len, texts)) > WIDTH_SHOWN else 0
    shown = []
    for line, text in zip((one, other), texts, strict=True):
        if line is None:
            shown.append("(nothing: it has ended)")
            continue
        piece = text[start : start + WIDTH_SHOWN]
        piece = piece.translate(_VISIBLE) if whitespace else piece
        before = "…" if start else ""
        after = "…" if start + WIDTH_SHOWN < len(text) else ""
        shown.append(f"{before}{piece}{after}" or "(an empty line)")
    return shown[0], shown[1]


def other_than(here: questions.Settings, there: questions.Settings, build: str) -> list[str]:
    """Return in words what differs between two hosts that may stand in a rendered block.

    Args:
        here: the probe's facts of the host that misses a block.
        there: those of the build host.
        build: the build host's name.
    """
    lines = []
    for word, mine, theirs in (
        ("libraries", here["libraries"], there["libraries"]),
        ("settings", here["baked_in"], there["baked_in"]),
    ):
        parts = [
            f"{name} {_told(mine.get(name))} here, {_told(theirs.get(name))} there"
            for name in sorted({*mine, *theirs})
            if mine.get(name) != theirs.get(name)
        ]
        if parts:
            lines.append(f"{word} that differ from {build}'s: {'; '.join(parts)}")
    return lines or [f"libraries and settings are those of {build}"]


def _told(value: object) -> str:
    return "none" if value in (None, "") else str(value)


def wants_manifest(answer: questions.Coverage) -> bool:
    """Tell whether pages ask for compress blocks, of a project that was asked with no manifest at all."""
    return bool(answer["missing"] or answer.get("passed_over") or answer.get("handed_over"))


def is_covered(answer: questions.Coverage) -> bool:
    """Tell whether no page can raise OfflineGenerationError, as far as templates and contexts tell.

    That goes for the language that compress speaks; `untranslated` are the blocks that have another text
    in another one.
    """
    return not (
        answer["missing"]
        or answer["failed"]
        or answer.get("passed_over")
        or answer.get("handed_over")
        or answer.get("surrounded")
        or any(gap["has_compress"] for gap in answer["broken"])
        or any(gap.get("set_by") for gap in answer["unfilled"])
    )


def problems(
    answer: questions.Coverage,
    built: Sequence[Block] = (),
    static_urls: tuple[str, str] = ("", ""),
) -> list[str]:
    """Return what a coverage answer lacks, one text of one or more lines for each block."""
    found = [
        f"{gap['template']} does not parse, and holds a compress block: {_in_short(gap['error'])}"
        for gap in answer["broken"]
        if gap["has_compress"]
    ]
    found += [
        f"{_place(gap)} cannot be rendered for its key, and compress does not say so: "
        f"{_in_short(gap['error'])}"
        for gap in answer["failed"]
    ]
    for missing in answer["missing"]:
        compared = built if len(found) < GAPS_SHOWN else ()  # comparing is dear
        found.append(_missing(missing, compared, static_urls))
    found += map(_passed_over, answer.get("passed_over", ()))
    found += map(_handed_over, answer.get("handed_over", ()))
    for unfilled in answer["unfilled"]:
        found += _set_outside(unfilled)
    found += map(_surrounded, answer.get("surrounded", ()))
    return found + _untranslated(answer["untranslated"])


def _missing(gap: questions.Gap, built: Sequence[Block], static_urls: tuple[str, str]) -> str:
    lines = [
        f"{_place(gap)}: its key {gap['key'][:12]}… is not in the manifest; it renders as",
        *_beginning(gap["text"]),
    ]
    if built:
        lines += describe(block_of(gap, gap["text"]), built, static_urls)
    return "\n".join(lines)


def _handed_over(gap: questions.HandedOver) -> str:
    return (
        f"{gap['template']}, line {gap['line']}: {gap['tag']} has compressor look up the text that each page "
        "puts together, and compress builds no such text"
    )


def _set_outside(gap: questions.Unfilled) -> list[str]:
    return [
        f"{_place(gap)} uses {name}, which {{% {tag} %}} outside of the block sets: compress renders the "
        "block alone, without it"
        for name, tag in gap.get("set_by", {}).items()
    ]


def _surrounded(gap: questions.Surrounded) -> str:
    told = (
        f"{_place(gap)} is another text within {gap['tag']}, and compress renders the block "
        "alone; pages render it as"
    )
    return "\n".join([told, *_beginning(gap["text"])])


def _untranslated(gaps: Iterable[questions.Untranslated]) -> list[str]:
    languages: dict[str, list[str]] = {}
    for gap in gaps:
        languages.setdefault(_place(gap), []).append(gap["language"])
    return [
        f"{place}: visitors in {some_of(codes, WORDS_SHOWN)} get another text than was built"
        for place, codes in languages.items()
    ]


def _beginning(text: str) -> list[str]:
    """Return the first lines of a block's text, as they are shown."""
    return [f"  {line}" for line in text.strip().splitlines()[:LINES_SHOWN]]


def _passed_over(gap: questions.PassedOver) -> str:
    """Return in words that compress does not find a block, with what a page would have of it."""
    place = f"{gap['template']}, line {gap['line']}"
    told = f"{place}: compress does not find the block in {gap['tag']}"
    if "error" in gap:
        return f"{told}, and it fails while it is rendered: {_in_short(gap['error'])}"
    return "\n".join([f"{told}; it renders as", *_beginning(gap["text"])])


def _place(gap: questions.Place) -> str:
    context = f", offline context {gap['context']}" if gap["context"] else ""
    return block_of(questions.Rendered(**{**gap, "key": ""}), "").place + context


def advice(answer: questions.Coverage) -> list[str]:
    """Return what does not stop a release, and should be known: one line each."""
    found = _broken([gap for gap in answer["broken"] if not gap["has_compress"]])
    for gap in answer["unfilled"]:
        found += _not_given(gap)
    found += [
        f"{_place(gap)} {_varies(gap['asks'])}: its text is another one later, and pages get "
        "OfflineGenerationError then; keep it out of the block"
        for gap in answer.get("varying", ())
    ]
    for made in answer.get("made", ()):
        file = made["file"] or "what compress made of it"
        found.append(_MADE[made["what"]].format(_place(made), file=file, name=made["name"]))
    return found + [_ambiguous(gap["blocks"]) for gap in answer["ambiguous"]]


def _broken(gaps: Iterable[questions.Broken]) -> list[str]:
    """Return one line for each error: a variable in {% extends %} gives many templates the same one."""
    templates: dict[str, list[str]] = {}
    for gap in gaps:
        templates.setdefault(_in_short(gap["error"]), []).append(gap["template"])
    return [
        f"{some_of(names, WORDS_SHOWN)} {'do' if names[1:] else 'does'} not parse, and "
        f"{'hold' if names[1:] else 'holds'} no compress block: {error}"
        for error, names in templates.items()
    ]


def _in_short(error: str) -> str:
    """Return an error's first line: Django names every tag library that there is, one a line."""
    return first_line(error.partition(" Must be one of:\n")[0])


def _not_given(gap: questions.Unfilled) -> list[str]:
    names = [name for name in gap["variables"] if name not in gap.get("set_by", {})]
    told = (
        f"{_place(gap)}: no offline context gives {some_of(names, WORDS_SHOWN)}: a page that does gets "
        "OfflineGenerationError; name it in COMPRESS_OFFLINE_CONTEXT, or keep it out of the block"
    )
    return [told] if names else []


def _ambiguous(blocks: Iterable[questions.Formed]) -> str:
    places = "; ".join(f"{_place(each)} asks for {each['form']}" for each in blocks)
    return (
        f"one text, and so one key, for different output: {places}; which of them pages get is "
        "left to chance: make the texts differ, by a comment"
    )


_MADE = {
    "attribute": "{}: what compress made of it has no {name}; keep that element out of the block",
    "import": '{}: {file} holds @import "{name}", and there is no such file; write it as url() with a path '
    "from its own stylesheet, or link to that file in the block",
    "url": "{}: {file} holds url({name}), and there is no such file; correct it in its stylesheet",
    "late": '{}: {file} holds @import "{name}" after other rules, where browsers ignore it; link to that file '
    "in the block instead",
}


def _varies(asks: Sequence[str]) -> str:
    """Return in words what makes a block another text."""
    if not asks:
        return "renders another text each time"
    clocks = [name for name in asks if name != "random"]
    words = [f"asks the clock ({some_of(clocks, WORDS_SHOWN)})"] if clocks else []
    return " and ".join(words + (["asks for a random value"] if "random" in asks else []))
