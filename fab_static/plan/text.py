"""What programs wrote -> plain text: decoded, or refused in words, and without a terminal's colours."""

from __future__ import annotations

import codecs
import re

from fab_static.errors import BuildError, FabStaticError

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16's, which is its beginning
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# colours, and what moves a cursor: ECMA-48, control sequences
_SEQUENCE = re.compile(r"(?:\x1b\[|\x9b)[0-9;?]*[ -/]*[@-~]")


def without_colours(text: str) -> str:
    """Return the text without the sequences that colour it on a terminal, or move the cursor."""
    return _SEQUENCE.sub("", text)


def decoded(data: bytes, *, where: str, error: type[FabStaticError] = BuildError) -> str:
    """Return the text of a UTF-8 file, without the byte order mark that it may begin with.

    Args:
        data: its bytes.
        where: the file, and its host where that is another.
        error: what is raised.

    Raises:
        FabStaticError: it is of another encoding; with the byte and its place.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            raise error(
                f"it is {encoding}, not UTF-8",
                where=where,
                mend=f"save it as UTF-8: iconv -f {encoding} -t UTF-8 FILE > NEW-FILE",
            )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as found:
        line = data.count(b"\n", 0, found.start) + 1
        raise error(
            f"it is not UTF-8: byte 0x{data[found.start]:02x} at position {found.start}, in line {line}",
            where=where,
            mend="save it as UTF-8: iconv -f ITS-ENCODING -t UTF-8 FILE > NEW-FILE (many such files are "
            "WINDOWS-1252)",
        ) from found
