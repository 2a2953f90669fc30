"""A host that was away is brought to where the others are; tests/integration/test_hosts_that_join.py does it for real."""

from __future__ import annotations

import os
import shutil

import pytest

from fab_static.errors import ReleaseError
from fab_static.phases.join import away, join
from fab_static.phases.run.signing import bring_trust
from tests.unit.signing import inventory, key
from tests.unit.site import NEW as LIVE
from tests.unit.site import OLD, Site


def empty(site: Site, host: str) -> None:
    shutil.rmtree(site.folder / host)
    (site.folder / host).mkdir()


def test_an_empty_host_gets_every_kept_release_and_current_last(site: Site) -> None:
    empty(site, "edge2")
    deploy = site.deployment()
    assert [host.name for host in away(deploy)] == ["edge2"]
    (joined,) = join(deploy, away(deploy))
    assert joined == {
        "host": "edge2",
        "was": None,
        "live": LIVE,
        "previous": OLD,
        "releases": [OLD, LIVE],
    }
    assert site.live() == dict.fromkeys(site.live(), LIVE)
    assert away(site.deployment()) == []


def test_a_host_whose_bytes_changed_is_mended_though_size_and_time_are_right(site: Site) -> None:
    deploy = site.deployment()
    edge2 = next(host for host in deploy.hosts() if host.name == "edge2")
    file = next(path for path in (site.folder / "edge2" / "objects").rglob("*") if path.is_file())
    right, times = file.read_bytes(), file.stat()
    file.chmod(0o644)
    file.write_bytes(b"!" * len(right))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    join(deploy, [edge2])
    assert file.read_bytes() == right


def test_nobody_joins_while_another_release_is_live_on_the_build_host_than_the_record_says(
    site: Site,
) -> None:
    link = site.folder / "build1" / "current"
    link.unlink()
    link.symlink_to(f"releases/{OLD}")
    with pytest.raises(ReleaseError) as caught:
        join(site.deployment(), [])
    assert str(caught.value).startswith(f"{OLD} is live on build1, and {LIVE} by the record")


def test_no_host_joins_with_a_live_release_that_none_of_the_allowed_signers_signed(
    site: Site,
) -> None:
    site.open(inventory(site.folder, None, key(site.folder, "anna")))
    empty(site, "edge2")
    deploy = site.deployment()
    with pytest.raises(ReleaseError, match="is not signed"):
        join(deploy, [host for host in deploy.hosts() if host.name == "edge2"])
    assert not (site.folder / "edge2" / "current").exists()


def test_a_host_that_lost_a_signature_gets_it_again(site: Site) -> None:
    """It would refuse to go back to that release, whoever asks."""
    anna = key(site.folder, "anna")
    site.open(inventory(site.folder, anna, anna))
    for name in (OLD, LIVE):
        site.session.sign(name)
    site.session.rollback()
    (lost,) = (site.folder / "edge1" / "releases").glob(f"{OLD}/release.json.sig")
    text = lost.read_text()
    lost.unlink()
    (joined,) = site.session.repair()
    assert joined["host"] == "edge1"
    assert lost.read_text() == text


def test_what_was_live_unsigned_when_the_list_came_is_no_reason_to_repair(site: Site) -> None:
    anna = key(site.folder, "anna")
    site.open(inventory(site.folder, anna, anna))
    bring_trust(site.deployment())
    assert site.session.repair() == []
