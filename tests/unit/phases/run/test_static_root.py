"""What is asked of a static root before a build empties it (G10), and of what collectstatic left there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fab_static.errors import BuildError, FabStaticError
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.static_root import (
    among_sources,
    compare_with_finders,
    faults,
    refuse_faulty_sources,
    refuse_unsafe,
    tell_of_written_elsewhere,
)
from tests.unit.phases.run.builds import Build
from tests.unit.site import COLLECTED, Site


def found(site: Site, **facts: Any) -> list[FabStaticError]:
    site.project.settings["build1"].update(facts)
    return list(faults(site.deployment()))


def test_a_folder_of_its_own_is_safe_and_is_asked_for_once_in_a_run(shop: Site) -> None:
    deploy = shop.deployment()
    refuse_unsafe(deploy)
    assert deploy.static_root == str(shop.project.root)
    shop.asked.clear()
    refuse_unsafe(deploy)
    assert shop.asked == []


@pytest.mark.parametrize("held", ["code", "media"])
def test_a_static_root_that_holds_something_else_is_refused_and_left_alone(
    shop: Site, held: str
) -> None:
    folder = shop.project.folder / "build1"
    facts = {"code": {"static_root": str(folder)}}.get(held) or {
        "held": {"MEDIA_ROOT": str(shop.project.root / "media")}
    }
    (folder / "manage.py").write_text("")
    (error,) = found(shop, **facts)
    what = {"code": f"the project ({folder})", "media": f"MEDIA_ROOT ({shop.project.root}/media)"}
    assert error.what == f"STATIC_ROOT holds {what[held]}, and a build starts by emptying it"
    assert (folder / "manage.py").exists()


def test_a_folder_of_sources_in_or_around_it_is_refused(shop: Site) -> None:
    (error,) = found(shop, sources={str(shop.project.root / "assets"): "STATICFILES_DIRS"})
    assert "assets, a folder of sources that STATICFILES_DIRS reads" in error.what


@pytest.mark.parametrize(
    ("facts", "words", "where"),
    [
        ({"static_root": None}, "the setting STATIC_ROOT is empty", ""),
        (
            {"sources_unknown": "KeyError: 'x'"},
            "the finders cannot be asked what they read: KeyError: 'x'",
            ": STATICFILES_FINDERS",
        ),
        ({"finders": []}, "STATICFILES_FINDERS is empty, so collectstatic would collect no file", ""),
        (
            {"storage": {"class": None, "folder": None, "error": "ImportError: x"}},
            "the staticfiles storage cannot be made: ImportError: x",
            ': STORAGES["staticfiles"]',
        ),
        (
            {"storage": {"class": "S3Storage", "folder": None, "error": None}},
            "the staticfiles storage S3Storage does not write STATIC_ROOT, so a release would be empty",
            ': STORAGES["staticfiles"], with STATIC_ROOT = ROOT',
        ),
        (
            {"storage": {"class": "Storage", "folder": "/srv/elsewhere", "error": None}},
            "the staticfiles storage Storage writes /srv/elsewhere, and not STATIC_ROOT",
            ': STORAGES["staticfiles"], with STATIC_ROOT = ROOT',
        ),
    ],
)  # fmt: skip
def test_settings_with_which_nothing_would_be_collected_are_refused(
    shop: Site, facts: dict[str, Any], words: str, where: str
) -> None:
    (error,) = found(shop, **facts)
    assert error.what == words
    expected = "build1: settings of manage.py" + where.replace("ROOT = ROOT", f"ROOT = {shop.project.root}")  # fmt: skip
    assert error.where == expected


def fill(site: Site) -> None:
    site.project.root.mkdir()
    (site.project.root / "theirs.txt").write_text("by hand")


def test_files_that_git_tracks_or_that_no_build_has_left_are_not_removed(shop: Site) -> None:
    fill(shop)
    shop.project.answers["unlisted"] = {"tracked": [], "unlisted": ["theirs.txt"]}
    (error,) = found(shop)
    assert str(error) == (
        "STATIC_ROOT holds 1 file that no finder lists and no build has left there, and a build starts by "
        "emptying it:\n    theirs.txt\n"
        f"  where: build1: {shop.project.root}\n"
        "  mend:  set STATIC_ROOT to a folder of its own; where these files are left from an earlier build, "
        "move the folder away, and the build makes it again; where a program writes them, make it a phase after "
        "collectstatic: {name: …, run: …, writes: […]}"
    )
    shop.project.answers["unlisted"] = {"tracked": ["a.css", "b.css"], "unlisted": []}
    (error,) = found(shop)
    assert error.what.startswith("STATIC_ROOT holds 2 files that git tracks, and a build starts by")


def test_what_a_build_that_was_killed_left_there_is_a_builds(shop: Site) -> None:
    """The folder was noted before it was emptied (G5)."""
    fill(shop)
    shop.project.answers["unlisted"] = {"tracked": [], "unlisted": ["theirs.txt"]}
    deploy = shop.deployment()
    deploy.journal.fills(str(shop.project.root), writes=True)
    assert list(faults(shop.deployment())) == []


def built(build: Build, shop: Site) -> None:
    """Build wholly; whoever asks then hears of a file that is nobody's."""
    build()
    shop.project.answers["unlisted"] = {"tracked": [], "unlisted": ["theirs.txt"]}


def test_a_file_that_came_after_a_whole_build_is_not_removed(shop: Site, build: Build) -> None:
    """Only the first build asked: whatever was put there later was gone after the next one."""
    built(build, shop)
    assert list(faults(shop.deployment())) == [], "what the build left is the build's"
    (shop.project.root / "theirs.txt").write_text("by hand")
    (error,) = faults(shop.deployment())
    assert error.what.startswith("STATIC_ROOT holds 1 file that no finder lists and no build has")
    with pytest.raises(BuildError):
        build("collectstatic")
    assert (shop.project.root / "theirs.txt").read_text() == "by hand"


def test_what_a_phase_left_that_failed_is_the_builds(shop: Site, build: Build) -> None:
    built(build, shop)

    def fails(root: Path) -> None:
        (root / "theirs.txt").write_text("half of it")
        raise BuildError("it ends", where="compress", mend="")

    shop.project.commands["compress"] = fails
    with pytest.raises(BuildError, match="it ends"):
        build("compress", "compress")
    assert (shop.project.root / "theirs.txt").exists()
    assert list(faults(shop.deployment())) == []


def test_a_file_that_was_interrupted_before_it_had_its_name_is_nobodys_loss(
    shop: Site, build: Build
) -> None:
    build()
    name = "css/.site.css.4711-0a1b2c3d-12"
    (shop.project.root / "css").mkdir()
    (shop.project.root / name).write_text("half")
    shop.project.answers["unlisted"] = {"tracked": [], "unlisted": [name]}
    assert list(faults(shop.deployment())) == []


def test_where_nobody_knows_any_more_what_a_build_left_each_file_is_looked_at(
    shop: Site, build: Build
) -> None:
    built(build, shop)
    (shop.project.root / "theirs.txt").write_text("by hand")
    left = shop.deployment().journal.left
    assert left
    (shop.folder / "build1" / "objects" / left[:2] / left).unlink()
    assert [error.what[:30] for error in faults(shop.deployment())] == [
        "STATIC_ROOT holds 1 file that "
    ]


def compared(site: Site, **more: Any) -> tuple[dict[str, Any], Deployment]:
    site.project.answers["collected"] = {**COLLECTED, **more}
    deploy = site.deployment()
    return compare_with_finders(deploy), deploy


LACKS = {"missing": ["a.css"], "count": 1}


def test_a_storage_of_ones_own_may_leave_files_out_and_that_is_told(shop: Site) -> None:
    noted, deploy = compared(shop, **LACKS, unjudged="its save() is of yours")
    assert noted == {"left_out": ["a.css"]}
    assert deploy.show.warned == [  # type: ignore[attr-defined]
        "collectstatic left out 1 file that the finders list:\n    a.css\n"
        "(its save() is of yours, so that may be meant so)"
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (LACKS, "collectstatic left out 1 file that the finders list:\n    a.css"),
        ({**LACKS, "unjudged": "yours", "is_empty": True}, "collectstatic left out 1 file"),
        ({"listed": 0}, "no finder lists a file, so the release would hold none"),
        (
            {**LACKS, "promised": ["a.css"]},
            "the storage gives URLs below STATIC_URL to 1 file that it has not stored in STATIC_ROOT:\n    a.css",
        ),
    ],
)
def test_what_must_have_been_collected_is_missed(
    shop: Site, answer: dict[str, Any], words: str
) -> None:
    with pytest.raises(BuildError) as caught:
        compared(shop, **answer)
    assert caught.value.what.startswith(words)


def test_files_that_git_lfs_has_not_fetched_are_told(shop: Site) -> None:
    noted, deploy = compared(shop, pointers=["hero.jpg"])
    assert noted == {}
    assert deploy.show.warned == [  # type: ignore[attr-defined]
        "1 file is only what git-lfs leaves in place of a file that it has not fetched; run `git lfs pull` in "
        "the checkout:\n    hero.jpg"
    ]


def test_a_project_that_cannot_say_what_is_faulty_hides_nothing_of_the_failure(shop: Site) -> None:
    def fails(*_: Any) -> Any:
        raise BuildError("the settings do not import", where="", mend="")

    shop.project.answers["faults"] = fails
    refuse_faulty_sources(shop.deployment(), BuildError("it failed", where="", mend=""))


def test_of_what_a_phase_wrote_elsewhere_sources_and_what_no_page_asks_for_are_not_told(
    shop: Site,
) -> None:
    folder = shop.project.folder / "build1"
    shop.project.settings["build1"]["real_sources"] = [f"{folder}/assets"]
    deploy = shop.deployment()
    source, page, log = f"{folder}/assets/a.js", f"{folder}/out/b.js", f"{folder}/out/build.log"
    written = [source, page, log, "/tmp/c.js", f"{folder}/assets-of-others/d.js"]
    assert among_sources(deploy, written) == [source]
    tell_of_written_elsewhere(deploy, "compilejsi18n", written)
    assert deploy.show.warned == [  # type: ignore[attr-defined]
        "compilejsi18n changed nothing in STATIC_ROOT, and wrote elsewhere, where no release has it:\n"
        f"    {page}\n    {folder}/assets-of-others/d.js"
    ]
