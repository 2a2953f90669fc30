"""A show that fails ends nothing."""

import io

import pytest

from fab_static.errors import ReleaseError
from fab_static.report.steady import Steady
from fab_static.report.terminal import Terminal


class Broken:
    """A show that fails at everything."""

    def __getattr__(self, name):
        def fail(*args):
            raise RuntimeError(name)

        return fail


def test_a_show_that_fails_ends_nothing():
    show = Steady(Broken())
    with show.phase("compress"):
        show.say("a")
        show.warn("b")
        show.output("build1", b"c")
        show.follow(None, [])
    with pytest.raises(ReleaseError), show.phase("activate"):
        raise ReleaseError("it failed", where="edge1", mend="mend it")


def test_a_phase_that_fails_is_shown_as_one_and_its_error_is_kept(tmp_path):
    stream = io.StringIO()
    show = Steady(Terminal({}, stream=stream))
    with pytest.raises(ReleaseError), show.phase("activate"):
        raise ReleaseError("it failed", where="edge1", mend="mend it")
    assert "activate failed after" in stream.getvalue()
    with pytest.raises(KeyboardInterrupt), show.phase("activate"):
        raise KeyboardInterrupt
