"""Cuts a template into pieces: text, tags, and where blocks open and close."""

from __future__ import annotations

import re
from typing import Iterator, Sequence, Tuple

TOKEN = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_WORDS = re.compile(r"\{%[-+]?\s*(\w+)\s*(.*?)\s*[-+]?%\}", re.DOTALL)
SUPER = re.compile(r"\{\{-?\s*(block\.super|super\(\))\s*-?\}\}")
Piece = Tuple[str, str]


def end_of(pieces: Sequence[Piece], at: int) -> int:
    """Return the place behind the end of the block that opens before `at`."""
    depth = 1
    while at < len(pieces) and depth:
        depth += {"open": 1, "close": -1}.get(pieces[at][0], 0)
        at += 1
    return at


def words_of(tag: str) -> tuple[str, str]:
    """Return a tag's name, and the rest of it."""
    found = _WORDS.match(tag)
    return (found.group(1), found.group(2)) if found else ("", "")


def pieces_of(text: str) -> Iterator[Piece]:
    """Yield a template's pieces; comments keep their line ends alone."""
    at = 0
    until = ""  # the tag that ends a comment, or text that is not a template
    for token in TOKEN.finditer(text):
        before, piece = text[at : token.start()], token.group()
        at = token.end()
        word, rest = words_of(piece)
        if until:
            is_end = word == until
            raw = before + ("" if is_end else piece)
            yield "text", "\n" * raw.count("\n") if until == "endcomment" else plain(raw)
            until = "" if is_end else until
            continue
        if before:
            yield "text", before
        if piece.startswith("{#"):
            yield "text", "\n" * piece.count("\n")
        elif word in ("comment", "verbatim", "raw"):
            until = "end" + word
        elif word == "block":
            yield "open", rest.split()[0] if rest else ""
        elif word == "endblock":
            yield "close", ""
        elif SUPER.match(piece):
            yield "super", ""
        else:
            yield "tag", piece
    yield "text", text[at:]


def plain(text: str) -> str:
    """Return text of another template language, its braces without the quotes that confuse HTML."""
    return TOKEN.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)
