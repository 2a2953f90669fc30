"""Phase collectstatic: nothing of an earlier build, nothing left out, and a failure that names its source."""

from __future__ import annotations

from typing import Any

import pytest

from fab_static.errors import BuildError
from fab_static.phases.collectstatic import collectstatic
from fab_static.phases.run.deployment import Deployment
from fab_static.remote import Ran
from tests.unit.site import COLLECTED, Site

FAULT = {
    "what": "img/ö.png: its name is not UTF-8",
    "names": [],
    "paths": ["/srv/img/x.png"],
    "is_listed": True,
}


@pytest.fixture
def deploy(shop: Site) -> Deployment:
    return shop.deployment()


def failing(site: Site, output: str, *faults: dict[str, Any]) -> None:
    site.project.commands["collectstatic"] = lambda _: Ran(1, output)
    site.project.answers["faults"] = {"faults": list(faults)}


def test_it_begins_in_an_empty_folder_and_keeps_what_the_finders_leave_out(
    shop: Site, deploy: Deployment
) -> None:
    collectstatic(deploy)
    shop.project.answers["collected"] = {
        **COLLECTED, "missing": ["a.map"], "count": 1, "unjudged": "the storage is one of yours",
    }  # fmt: skip
    (shop.project.root / "leftover.css").write_text("of a file that was removed")
    collectstatic(shop.deployment(by_itself=True))
    assert sorted(path.name for path in shop.project.root.iterdir()) == ["logo.svg", "site.css"]
    assert shop.deployment().journal.phases["collectstatic"]["left_out"] == ["a.map"]


def test_a_file_that_the_finders_list_and_it_did_not_copy_fails_it(
    shop: Site, deploy: Deployment
) -> None:
    """No release goes live that lacks what the finders list (G10)."""
    shop.project.answers["collected"] = {**COLLECTED, "missing": ["a.css"], "count": 1}
    with pytest.raises(BuildError, match=r"collectstatic left out 1 file that the finders list:\n    a.css"):  # fmt: skip
        collectstatic(deploy)
    assert "collectstatic" not in shop.deployment().journal.phases


def test_a_source_that_the_failure_names_is_told_in_its_place(
    shop: Site, deploy: Deployment
) -> None:
    failing(shop, "PermissionError: /srv/img/x.png\n", FAULT)
    with pytest.raises(BuildError) as caught:
        collectstatic(deploy)
    assert str(caught.value) == (
        "sources cannot be collected:\n    img/ö.png: its name is not UTF-8\n"
        f"  where: build1: {shop.project.folder}/build1\n"
        "  mend:  remove, mend or rename what is named above"
    )


def test_a_source_that_the_failure_does_not_name_is_told_below_it(
    shop: Site, deploy: Deployment
) -> None:
    failing(shop, "KeyError: 'x'\n", FAULT)
    with pytest.raises(BuildError) as caught:
        collectstatic(deploy)
    assert caught.value.what.startswith(
        "manage.py collectstatic --noinput failed with exit code 1:"
    )
    assert caught.value.what.endswith(
        "\nbesides, sources cannot be collected:\n    img/ö.png: its name is not UTF-8"
    )


def test_where_it_never_came_to_run_no_source_is_looked_for(shop: Site, deploy: Deployment) -> None:
    shop.project.settings["build1"]["static_root"] = None
    with pytest.raises(BuildError, match="the setting STATIC_ROOT is empty"):
        collectstatic(deploy)
    assert ("build1", "faults") not in shop.project.asked
