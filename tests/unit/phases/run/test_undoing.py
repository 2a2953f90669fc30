"""What is told when a flip's way back does not reach its end."""

from __future__ import annotations

from typing import Any

import pytest

from fab_static.errors import CdnError, DisagreementError, RemoteError
from fab_static.phases.run.publication import Publication
from fab_static.phases.run.undoing import undo_on_failure
from fab_static.plan.inventory import S3
from tests.unit.site import Site, Told


def lost(error: Exception) -> Any:
    def put_back(_one: Any) -> bool:
        raise error

    return put_back


BUCKET = CdnError("the store has not answered", where="s3://shop/", mend="run the command again")
HOST = RemoteError("the connection was cut", where="web1", mend="see the network")


@pytest.mark.parametrize("names", [["bucket"], ["bucket", "web1"], ["web1"]])
def test_each_that_could_not_be_put_back_gets_a_mend_that_mends_it(
    site: Site, names: list[str]
) -> None:
    """A bucket never goes back by itself; a host does."""
    deploy = site.session._deployment()
    bucket_of_the_site = Publication.__new__(Publication)
    bucket_of_the_site.place = S3("shop")
    with pytest.raises(DisagreementError) as caught, undo_on_failure(deploy) as undo:  # noqa: PT012
        if "web1" in names:
            undo.remember(next(one for one in deploy.hosts() if one.name == "web1"), lost(HOST))
        if "bucket" in names:
            undo.remember(bucket_of_the_site, lost(BUCKET))
        raise KeyboardInterrupt
    bucket = ["run the command again"] if "bucket" in names else []
    host = (
        ["let web1 be reached again: a host that runs goes back on its own within 30 seconds; then run what "
         "stands below"] if "web1" in names else []
    )  # fmt: skip
    assert caught.value.mend == "; ".join(bucket + host)
    assert caught.value.exit_code == 5
    assert caught.value.what.endswith("It began with: the operator's interruption")


def test_a_host_that_was_flipped_for_two_roles_is_counted_once(site: Site) -> None:
    """Of two hosts three were put back, it said."""
    site.session.show = Told()  # type: ignore[assignment]
    deploy = site.session._deployment()
    web1, other, *_ = deploy.hosts()
    with pytest.raises(KeyboardInterrupt), undo_on_failure(deploy) as undo:  # noqa: PT012
        for host in (web1, other, web1):
            undo.remember(host, lambda _: True)
        raise KeyboardInterrupt
    assert deploy.undone == {web1, other}
    assert site.session.show.warned == ["putting 2 hosts back to what was live"]  # type: ignore[attr-defined]
