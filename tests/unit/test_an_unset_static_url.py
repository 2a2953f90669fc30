"""A project without STATIC_URL: nothing is printed, checked or sealed for /None/."""

from __future__ import annotations

from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from fab_static.phases.run.deployment import Deployment
from tests.unit.site import TASK, Site


@pytest.mark.parametrize("word", ["nginx", "cdn_function"])
@pytest.mark.parametrize("unset", [None, ""])
def test_what_is_printed_needs_a_static_url(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    word: str,
    unset: Any,
) -> None:
    monkeypatch.setattr(Deployment, "facts", lambda *_: {"static_url": unset})
    with pytest.raises(Exit) as end:
        TASK[word](Context())
    said = capsys.readouterr()
    assert (end.value.code, said.out) == (1, "")
    assert said.err.startswith(
        "error: STATIC_URL is not set\n"
        "  where: build1: the project's settings\n"
        '  mend:  set it, STATIC_URL = "/static/" for one; or name the path with --url\n'
    )
    TASK[word](Context(), url="/assets/")
    assert "/assets/" in capsys.readouterr().out
