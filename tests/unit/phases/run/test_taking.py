"""What is taken from elsewhere fits here, or nothing is shipped."""

from __future__ import annotations

import pytest

from fab_static.errors import ReleaseError
from fab_static.phases.run.taking import take
from tests.unit.site import NEW, Site


def test_nothing_is_shipped_where_a_setting_differs(site: Site) -> None:
    release = site.hold("20261124T170102Z", b"other", settings={"STATIC_URL": "/assets/"})
    deploy = site.deployment()
    site.asked.clear()
    with pytest.raises(ReleaseError, match="STATIC_URL is '/assets/' in the release"):
        take(
            deploy,
            release,
            sealed_in="ci",
            seal=b"",
            beside={},
            holders=[deploy.build],
            versions_file=None,
            at=0.0,
        )
    assert {verb for _, verb in site.asked} <= {"recall", "run", "state"}
    assert deploy.journal.release == NEW
