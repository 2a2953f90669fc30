"""sub_filter and add_*_body in http { } change bytes; the printed location cannot undo them everywhere."""

from types import SimpleNamespace
from typing import Any

import pytest

from fab_static.doctor.origin import _before_gone, _mend
from fab_static.plan.nginx import CHANGED_BYTES


@pytest.mark.parametrize(("status", "is_named"), [(200, True), (404, False)])
def test_check_names_what_changes_bytes(status: int, is_named: bool) -> None:
    """(fleet A2)."""
    deploy: Any = SimpleNamespace(environment=SimpleNamespace(name="staging"))
    answer: Any = SimpleNamespace(status=status, headers={"access-control-allow-origin": "*"})
    mend = _mend(deploy, SimpleNamespace(name="edge1"), answer)  # type: ignore[arg-type]
    anew = "print the configuration again, and reload nginx: fab staging nginx --host edge1"
    assert mend == anew + (f". If it is printed already: {CHANGED_BYTES}" if is_named else "")


def test_a_configuration_of_earlier_times_is_told_with_the_command_that_prints_it_anew() -> None:
    deploy: Any = SimpleNamespace(environment=SimpleNamespace(name="staging"))
    found = _before_gone(deploy, SimpleNamespace(name="edge1"))  # type: ignore[arg-type]
    assert found["ok"]
    assert "does not know pool/gone" in found["what"]
    assert (found["mend"] or "").endswith("fab staging nginx --host edge1")
