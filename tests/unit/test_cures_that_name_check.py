"""Whoever is told to run `check` learns there what is wrong: no message sends anybody to a doctor who finds nothing.

Integration tests hold each failure that they provoke to this (`Operator.fab` in their conftest).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import fab_static
from tests.cures import names_check

PACKAGE = Path(fab_static.__file__).parent
# module -> the integration test that provokes it, and sees `check` fail
SHOWN = {
    "report/status.py": "test_bad_days.py::test_a_host_that_is_down_is_named",
}


def texts(module: Path) -> Iterator[str]:
    """Yield what a module may say: its strings, those with values in them whole, but no docstring."""
    tree = ast.parse(module.read_text("utf-8"))
    documented = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and id(node) not in documented:
            yield str(node.value)


def test_each_place_that_names_check_has_the_test_that_shows_it_true() -> None:
    found = {
        str(module.relative_to(PACKAGE))
        for module in PACKAGE.rglob("*.py")
        if any(names_check(text) for text in texts(module))
    }
    assert found == SHOWN.keys()
    for place in SHOWN.values():
        file, _, name = place.partition("::")
        source = (Path(__file__).parents[1] / "integration" / file).read_text("utf-8")
        assert f"def {name}(" in source, place
