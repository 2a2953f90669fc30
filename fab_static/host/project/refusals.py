"""Says why the project cannot answer: what is wrong, where, and how to mend it."""

from __future__ import annotations

import os
import traceback


class ProbeError(Exception):
    """An expected failure: what, where, and how to mend it."""

    def __init__(self, what: str, where: str, mend: str) -> None:
        super().__init__(what)
        self.error = {"what": what, "where": where, "mend": mend}


def told(error: BaseException) -> dict[str, str]:
    """Return an unexpected failure of the project's own code in our three parts."""
    cause = error.__cause__ if isinstance(error, SystemExit) and error.__cause__ else error
    return {
        "what": in_words(cause),
        "where": place_of(cause),
        "mend": "correct the project, then run the task again; what is live has not changed",
    }


def in_words(error: BaseException) -> str:
    """Return an exception as the last line of a traceback does, with what it came from."""
    words = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    if (
        isinstance(error, KeyError)
        and frames
        and frames[-1].filename in (os.__file__, "<frozen os>")
    ):
        words += ": the environment has no such variable"
    if error.__cause__ is not None:
        words += f"; because of {in_words(error.__cause__)}"
    return words


def place_of(error: BaseException) -> str:
    """Return the file and line that an error comes from: the project's, rather than the library's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.isfile(frame.filename)
    ]
    own = [
        frame
        for frame in frames
        if os.path.abspath(frame.filename).startswith(os.getcwd() + os.sep)
        and "site-packages" not in frame.filename
        and os.path.basename(frame.filename) != "manage.py"
    ]
    for frame in reversed(own or frames):
        return f"{frame.filename}:{frame.lineno}"
    return os.getcwd()
