"""Phase seal: what was built becomes a release for good, or is refused."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import BuildError, FabStaticError, ManifestError, ReleaseError
from fab_static.phases.distribute import distribute
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.seal import seal
from fab_static.plan.release import Release
from fab_static.sessions import choosing
from tests.unit.phases.conftest import BLOCK
from tests.unit.site import NEW, Site, file_of

Build = Callable[..., Deployment]


def sealed(deploy: Deployment) -> Release:
    seal(deploy)
    assert deploy.release is not None
    return deploy.release


def releases(site: Site) -> set[str]:
    return {path.name for path in (site.folder / "build1" / "releases").iterdir()}


def refused(deploy: Deployment, kind: type[FabStaticError], site: Site) -> FabStaticError:
    """Seal, and be refused: then no host has another release than before (G5)."""
    before = releases(site)
    with pytest.raises(kind) as caught:
        seal(deploy)
    assert releases(site) == before
    assert "seal" not in deploy.journal.phases
    return caught.value


def test_sealed_is_what_the_last_phase_left_with_versions_and_content_names(
    shop: Site, build: Build
) -> None:
    release = sealed(build())
    assert set(release.files) == {
        "logo.svg", "site.css", f"CACHE/{BLOCK}", "CACHE/manifest.json",
    }  # fmt: skip
    assert release.versions.keys() == {"logo.svg", "site.css"}
    assert release.named == (f"CACHE/{BLOCK}",)
    assert release.offline_manifest == "CACHE/manifest.json"
    assert [phase["name"] for phase in release.phases] == [
        "collectstatic", "resource_static", "compress",
    ]  # fmt: skip
    held = shop.folder / "build1" / "releases" / release.id / "release.json"
    assert json.loads(held.read_text())["id"] == release.id


def test_what_changes_in_the_static_root_after_the_last_phase_is_not_sealed(
    shop: Site, build: Build
) -> None:
    """It would be in a release that no phase made, and that no rebuild makes again."""
    deploy = build()
    (shop.project.root / "logo.svg").write_text("of somebody else")
    release = sealed(deploy)
    assert release.files["logo.svg"].sha256 == hashlib.sha256(b"logo").hexdigest()


def test_the_next_command_makes_this_release_live(shop: Site, build: Build) -> None:
    release = sealed(build())
    after = shop.deployment()
    assert after.current_release().id == release.id
    assert after.journal.is_sealed(after.phases, after.order)


def test_what_is_live_already_is_not_sealed_again(shop: Site, build: Build) -> None:
    """A second deploy of an unchanged release sends no file (DESIGN §9)."""
    first = sealed(build())
    deploy = build()
    assert sealed(deploy).id == first.id
    said: list[str] = deploy.show.said  # type: ignore[attr-defined]
    assert said[-1] == f"the content is the same as in release {first.id}; nothing to seal"


def test_a_seal_is_read_where_its_id_says_that_the_content_may_be_the_same(
    shop: Site, build: Build
) -> None:
    """Nothing is live: the seal of 10,000 files was read, and was of other content."""
    for host in shop.hosts:
        (shop.folder / host / "current").unlink()
        (shop.folder / host / "log.jsonl").unlink(missing_ok=True)
    sealed(build())
    shop.project.commands["collectstatic"] = lambda root: (root / "logo.svg").write_text("another")
    shop.project.commands["compress"] = lambda _: None

    def read_by(deploy: Deployment) -> int:
        shop.asked.clear()
        sealed(deploy)
        return shop.asked.count(("build1", "read_release"))

    assert read_by(build()) == 0
    assert read_by(build()) == 1


def test_keys_of_the_manifest_that_compress_wrote_in_another_order_make_no_other_release(
    shop: Site, build: Build
) -> None:
    first = sealed(build())
    plain = shop.project.commands["compress"]

    def other_order(root: Path) -> None:
        plain(root)
        manifest = root / "CACHE" / "manifest.json"
        known = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(dict(sorted(known.items()))))

    shop.project.commands["compress"] = other_order
    assert sealed(build()).id == first.id


def test_a_build_that_is_not_whole_is_refused_with_the_words_that_mend_it(
    shop: Site, build: Build
) -> None:
    deploy = build()
    build("resource_static", deploy=deploy)
    error = refused(deploy, ReleaseError, shop)
    assert str(error) == (
        "compress must run before a release can be sealed\n"
        f"  where: build1: {shop.folder}/build1/journal.json\n"
        "  mend:  run what is stale: fab staging deploy --resume, or fab staging compress seal"
    )
    assert error.instead == "compress seal"


def test_what_was_built_since_the_seal_is_not_passed_over_when_a_release_is_sent(
    shop: Site, build: Build
) -> None:
    """`compress distribute` sent the release from before, and said that every host has it."""
    deploy = build()
    release = sealed(deploy)
    deploy.by_itself = True
    distribute(deploy)
    build("resource_static", deploy=deploy)
    with pytest.raises(ReleaseError) as caught:
        distribute(deploy)
    assert str(caught.value) == (
        f"release {release.id} was sealed before resource_static ran, so it does not hold what that made\n"
        f"  where: build1: {shop.folder}/build1/journal.json\n"
        "  mend:  seal first: fab staging compress seal distribute; or build, ship and go live: "
        "fab staging deploy --resume"
    )
    assert caught.value.instead == "compress seal distribute"
    build("compress", deploy=deploy)
    sealed(deploy)
    distribute(deploy)


def test_activate_says_what_the_release_at_hand_does_not_hold(shop: Site, build: Build) -> None:
    deploy = build()
    release = sealed(deploy)
    choosing.tell_of_later_builds(deploy)
    assert deploy.show.warned == []  # type: ignore[attr-defined]
    build("compress", deploy=deploy)
    choosing.tell_of_later_builds(deploy)
    assert deploy.show.warned == [  # type: ignore[attr-defined]
        f"{release.id} goes live. It was sealed before compress ran, and does not hold what that made; "
        "to go live with that: fab staging deploy --resume"
    ]


def test_a_release_without_a_file_for_visitors_is_refused(shop: Site, build: Build) -> None:
    """Every URL of the live one would answer 404 (G10)."""
    shop.open("build: {phases: [collectstatic]}")
    shop.project.commands["collectstatic"] = lambda _: None
    for facts in shop.project.settings.values():
        facts.update(compress=None, offline_manifest=None)
    error = refused(build(), ReleaseError, shop)
    assert error.what == (
        "the release would hold no file, and every URL of the live one would answer 404"
    )
    assert error.where == (f"build1: STATIC_ROOT = {shop.project.root}, after collectstatic")


def test_a_manifest_that_names_a_file_which_is_not_there_is_refused(
    shop: Site, build: Build
) -> None:
    plain = shop.project.commands["compress"]

    def loses_its_file(root: Path) -> None:
        plain(root)
        (root / "CACHE" / BLOCK).unlink()

    shop.project.commands["compress"] = loses_its_file
    error = refused(build(), ManifestError, shop)
    assert error.what == (
        "the offline manifest cannot be served:\n"
        f"    it names CACHE/{BLOCK}, which the static root does not hold"
    )
    assert error.where == f"build1: {shop.project.root}/CACHE/manifest.json"
    assert error.mend == "mend that, and build again: fab staging deploy"


def test_a_version_that_is_not_that_of_the_bytes_is_refused(shop: Site, build: Build) -> None:
    """Caches would keep the wrong bytes for a year (G2)."""
    plain = shop.project.commands["compress"]

    def changes_what_was_hashed(root: Path) -> None:
        plain(root)
        (root / "logo.svg").write_text("another")

    shop.project.commands["compress"] = changes_what_was_hashed
    error = refused(build(), ReleaseError, shop)
    assert error.what.startswith("1 file is not what the recorded version says; ")
    assert "logo.svg: recorded " in error.what
    assert error.what.endswith("written by compress")


def test_bytes_that_change_under_a_version_that_does_not_are_refused(
    shop: Site, build: Build
) -> None:
    """The live release's pages say that this URL never changes (G1)."""
    version = file_of(b"logo").version
    files = {"logo.svg": replace(file_of(b"old"), version=version), "site.css": file_of(b"body {}")}
    live = shop.hold("20261123T170102Z", b"old", files=files, versions={"logo.svg": version})
    shop.make_live(live.id)
    error = refused(build(), ReleaseError, shop)
    assert error.what.startswith(
        "1 URL claims to be versioned, but bytes changed and the version did not;"
    )
    assert error.what.endswith(f"    logo.svg?version={version}")
    assert error.where == f"build1: release {live.id} against the new build"


def test_hashed_names_without_a_manifest_are_refused(shop: Site, build: Build) -> None:
    shop.project.settings["build1"]["prints_hashed_names"] = "ManifestStaticFilesStorage"
    error = refused(build(), BuildError, shop)
    assert error.what == (
        "ManifestStaticFilesStorage prints names with hashes, and collectstatic left no manifest of them "
        "on this host's disk"
    )


def test_a_copy_with_other_bytes_than_its_file_is_told_and_is_a_file_like_others(
    shop: Site, build: Build
) -> None:
    """Nginx sends it in the place of the file."""
    plain = shop.project.commands["collectstatic"]

    def with_a_copy(root: Path) -> None:
        plain(root)
        (root / "site.css.gz").write_bytes(b"no gzip of it")

    shop.project.commands["collectstatic"] = with_a_copy
    deploy = build()
    release = sealed(deploy)
    warned: list[str] = deploy.show.warned  # type: ignore[attr-defined]
    assert warned[0].startswith("site.css.gz holds other bytes than site.css, and nginx sends it")
    assert release.copies == frozenset()


def test_many_wrong_copies_are_told_in_a_few_lines(shop: Site, build: Build) -> None:
    """Kolibri ships empty files, and what was in them as their copies: 560 of them."""
    plain = shop.project.commands["collectstatic"]

    def with_copies(root: Path) -> None:
        plain(root)
        for number in range(40):
            (root / f"{number:02}.css").write_text("")
            (root / f"{number:02}.css.gz").write_bytes(gzip.compress(b"a{}"))

    shop.project.commands["collectstatic"] = with_copies
    deploy = build()
    sealed(deploy)
    warned: list[str] = deploy.show.warned  # type: ignore[attr-defined]
    assert [line[:9] for line in warned[:11]] == [f"{n:02}.css.gz" for n in range(10)] + [
        "… and 30 "
    ]


def test_a_seal_that_the_disk_refuses_leaves_a_build_that_can_be_sealed_again(
    shop: Site, build: Build
) -> None:
    deploy = build()
    build1 = shop.hosts["build1"]
    full = OSError(28, "No space left on device", "releases")
    build1.before["build_release"] = lambda: build1.refuse(full)
    refused(deploy, FabStaticError, shop)
    build1.before.clear()
    release: Any = sealed(shop.deployment())
    assert release.id in releases(shop)
    assert shop.live() == dict.fromkeys(shop.hosts, NEW)
