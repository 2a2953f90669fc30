"""Ctrl-C while a hook is told of a run that Ctrl-C has ended: it is not waited for (fleet A5, A3)."""

from __future__ import annotations

import signal

import pytest

from chaos.project import BUILD
from tests.integration.conftest import Operator
from tests.integration.test_ctrl_c_is_answered_at_once import (
    end,
    held,
    lock,
    site,
    start,
)
from tests.processes import alive, becomes

__all__ = ["site"]  # a fixture


@pytest.mark.parametrize("is_told", [True, False], ids=["in the hook", "before it"])
def test_a_hook_that_hangs_is_ended_and_the_lock_was_free(site: Operator, is_told: bool) -> None:
    """Two more presses were ignored for `hooks.timeout`, and nobody else could deploy meanwhile."""
    code, told = site.fleet.hosts["all1"].code, site.folder / "told"
    told.unlink(missing_ok=True)
    commands = {**BUILD["commands"], "resource_static": held("true")}
    site.write_inventory(
        build={**BUILD, "commands": commands},
        hooks={"after_failure": ["echo $$ > told; sleep 300"]},
    )
    try:
        (code / "hold").touch()
        deploy = start(site)
        assert becomes(lambda: (code / "begun").exists())
        if is_told:
            deploy.send_signal(signal.SIGINT)
            assert becomes(lambda: told.exists() and told.read_text() != "")
            assert not lock(site).exists()
            error = end(deploy, signal.SIGINT)
        else:
            deploy.send_signal(signal.SIGINT)
            assert becomes(lambda: not lock(site).exists() or told.exists())
            error = end(deploy, signal.SIGINT, signal.SIGINT)
    finally:
        site.write_inventory(build=BUILD, web={"batch": "1"})
        (code / "begun").unlink(missing_ok=True)
    assert deploy.returncode == 1, error
    pid = told.read_text() if told.exists() else ""  # it may have been ended before it could tell
    assert not pid or becomes(lambda: not alive(int(pid)))
    assert not lock(site).exists()
