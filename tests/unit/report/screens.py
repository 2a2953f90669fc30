"""Streams that a terminal writes to."""

import io

from fab_static.report.terminal import Terminal


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def shown(secrets=None, *, stream=None, verbose=False):
    stream = stream or io.StringIO()
    return Terminal(secrets or {}, stream=stream, verbose=verbose), stream
