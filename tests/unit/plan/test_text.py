import pytest

from fab_static.errors import BuildError, ManifestError
from fab_static.plan.text import decoded, without_colours


def test_a_byte_order_mark_is_no_text():
    assert decoded("\ufeffcaf\xe9".encode(), where="x") == "caf\xe9"
    assert decoded(b"", where="x") == ""


def test_another_encoding_is_told_with_the_byte_and_its_place():
    """(build B) A Latin-1 mainConfigFile was a traceback that did not name it."""
    with pytest.raises(BuildError) as refused:
        decoded("a\ncaf\xe9".encode("latin-1"), where="build1: config.js")
    assert str(refused.value) == (
        "it is not UTF-8: byte 0xe9 at position 5, in line 2\n"
        "  where: build1: config.js\n"
        "  mend:  save it as UTF-8: iconv -f ITS-ENCODING -t UTF-8 FILE > NEW-FILE (many such files are WINDOWS-1252)"
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_an_encoding_that_names_itself_is_named(encoding):
    with pytest.raises(ManifestError) as refused:
        decoded("{}".encode(encoding), where="manifest.json", error=ManifestError)
    assert refused.value.what == f"it is {encoding.upper()}, not UTF-8"
    assert f"iconv -f {encoding.upper()} -t UTF-8" in refused.value.mend


@pytest.mark.parametrize(
    "text", ["\x1b[31mred\x1b[0m", "\x9b1mred\x9bm", "\x1b[1;31 qred", "\x1b[2Kr\x1b[1@ed", "red"]
)
def test_colours_and_moves_of_the_cursor_are_taken_out(text):
    assert without_colours(text) == "red"
