"""The project that benchmarks build: of the size that is asked for, and the same on every machine."""

import hashlib
from collections import Counter

import pytest

from benchmarks.project import SMALL, Size, files


@pytest.fixture(scope="module")
def small():
    return dict(files(SMALL))


def test_its_bytes_are_the_same_on_every_machine(small):
    """Results of two machines are of one project."""
    whole = hashlib.sha256()
    for path, data in sorted(small.items()):
        whole.update(path.encode() + b"\0" + hashlib.sha256(data).digest())
    assert whole.hexdigest() == DIGEST


DIGEST = "e489943929c26cdc08f193d634c02f3c69e0bc7b102639f7abcb38c8b3788a50"


def test_it_has_as_many_files_bytes_and_blocks_as_asked(small):
    static = {path: data for path, data in small.items() if "/static/" in path}
    assert len(static) == pytest.approx(SMALL.files, rel=0.1)
    assert sum(map(len, static.values())) == pytest.approx(SMALL.bytes, rel=0.15)
    templates = (data for path, data in small.items() if path.endswith(".html"))
    assert sum(data.count(b"{% compress ") for data in templates) == SMALL.blocks


def test_every_file_that_a_page_names_is_there(small):
    names = {path.partition("/static/")[2] for path in small}
    named = Counter()
    for path, data in small.items():
        if path.endswith(".html"):
            named.update(piece.split("'")[0] for piece in data.decode().split("{% static '")[1:])
    assert len(named) >= SMALL.blocks
    assert set(named) <= names


def test_blocks_of_a_larger_project_differ_from_each_other():
    """Else a content-keyed cache would look faster than it is."""
    size = Size(files=2000, bytes=4_000_000, blocks=96, apps=8, bundles=4)
    pages = [data for path, data in files(size) if path.endswith(".html") and "/base/" not in path]
    blocks = Counter(
        piece.split(b"{% endcompress")[0]
        for page in pages
        for piece in page.split(b"{% compress ")[1:]
    )
    assert len(blocks) == size.blocks
