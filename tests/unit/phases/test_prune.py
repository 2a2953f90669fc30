"""Phase prune, on the scripted fleet: OLD was live, NEW is."""

from fab_static.phases.prune import prune
from tests.unit.site import NEW, OLD, Site

NEVER_LIVE = "20261120T170102Z-c6411c8e"


def pruned(site: Site) -> list[str]:
    """Prune; return what was said."""
    deploy = site.deployment()
    prune(deploy)
    said: list[str] = deploy.show.said  # type: ignore[attr-defined]
    return said


def releases(site: Site) -> dict[str, list[str]]:
    return {
        name: sorted(path.name for path in (site.folder / name / "releases").iterdir())
        for name in site.hosts
    }


def test_prune_keeps_the_live_release_and_the_one_before_however_few_are_kept(site: Site) -> None:
    site.open("keep_releases: 1\nkeep_for: 1s")
    assert pruned(site) == ["nothing to remove"]
    assert releases(site) == {name: [OLD, NEW] for name in site.hosts}


def test_prune_removes_an_old_release_that_was_never_live_from_every_host(site: Site) -> None:
    site.hold(NEVER_LIVE, b"old")
    site.open("keep_releases: 1\nkeep_for: 1s")
    told = pruned(site)
    assert told[0].startswith(f"removed {NEVER_LIVE}; ")
    assert releases(site) == {name: [OLD, NEW] for name in site.hosts}


def test_files_of_the_kept_releases_stay_when_a_release_with_the_same_goes(site: Site) -> None:
    """It shares its bytes with OLD: objects are removed only when nobody is left who uses them."""
    site.hold(NEVER_LIVE, b"old")
    pruned(site)
    logo = site.folder / "edge1" / "releases" / OLD / "static" / "logo.svg"
    assert logo.read_bytes() == b"old"
    assert site.live() == dict.fromkeys(site.hosts, NEW)
