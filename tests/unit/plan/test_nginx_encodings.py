"""The part of nginx's configuration that sends deltas and zstd; tests/integration/test_nginx_deltas.py asks a real one."""

from __future__ import annotations

import base64
import re

import pytest

from fab_static.host.agent.seals import place_of_delta
from fab_static.plan import nginx_encodings
from fab_static.plan.nginx_encodings import Extra

MAPS = Extra("shop", deltas=True, zstd=True).maps()


def map_of(variable: str, text: str) -> str | None:
    """Return what a map of patterns makes of a text, as nginx does: the first that matches."""
    body = re.search(rf"\${variable} \{{\n(.*?)\n\}}", MAPS, re.DOTALL)
    assert body
    for line in body[1].splitlines():
        found = re.fullmatch(r'    "(~\*?)(.*)" (.*);', line)
        match = found and re.search(found[2], text, re.IGNORECASE if found[1] == "~*" else 0)
        if found and match:
            groups = dict(enumerate(match.groups(), 1))
            value = found[3].strip("\"'")
            return re.sub(r"\$(\d)", lambda one, known=groups: known[int(one[1])], value)  # type: ignore[misc]
    return None


@pytest.mark.parametrize("slashes", range(nginx_encodings.MOST_SLASHES + 1))
def test_what_a_browser_holds_names_the_folder_that_the_agent_makes(slashes: int) -> None:
    """Base64 has a / among its letters, and a path must not."""
    said = ("/" * slashes).ljust(42, "a") + "A="
    folder = place_of_delta(base64.b64decode(said).hex())
    assert map_of("shop_held", f":{said}:") == folder
    assert "/" not in folder


@pytest.mark.parametrize(
    "said", ["", "none", ":abc:", f":{'a' * 42}=:", f":{'.' * 43}=:", f"{'a' * 43}=", "/" * 60]
)
def test_what_is_no_sha256_names_no_folder(said: str) -> None:
    assert map_of("shop_held", said) is None


@pytest.mark.parametrize(
    ("range_and_encoding", "takes"),
    [
        (" dcz", True), (" gzip, br, zstd, dcb, dcz", True), (" gzip,DCZ;q=0.5, br", True), (" dcz ; q=1", True),
        (" dcz;q=0", False), (" dcz;q=0.000", False), (" dcb", False), (" dczx", False), (" x-dcz", False),
        ("bytes=0-5 dcz", False), (" ", False), (" *", False),
    ],
)  # fmt: skip
def test_a_delta_is_for_who_takes_it_and_asks_for_the_whole(
    range_and_encoding: str, takes: bool
) -> None:
    assert (map_of("shop_dcz", range_and_encoding) is not None) == takes


def test_without_deltas_nothing_is_said_of_dictionaries() -> None:
    """Caches would hold a copy for each header that nobody sends."""
    text = Extra("shop", deltas=False, zstd=True)
    assert "ictionary" not in text.maps() + text.headers()
    assert text.places() == (
        "/pool/${shop_zst}/${shop_version}/$shop_path /pool/${shop_zst}/named/$shop_path "
        "/${shop_live}/${shop_zst}/$shop_path"
    )
