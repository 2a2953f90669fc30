"""What a phase of the project's own makes in the checkout: kept, and put back."""

import pytest

from fab_static.host.agent.refusals import RefusedError

PATHS = ["assets/dist", "stats.json"]


@pytest.fixture
def code(tmp_path):
    code = tmp_path / "code"
    (code / "assets/dist/deep").mkdir(parents=True)
    (code / "assets/dist/main.1a2b.js").write_text("main")
    (code / "assets/dist/deep/ä b.txt").write_text("odd")
    (code / "assets/own.css").write_text("own")
    (code / "stats.json").write_text("{}")
    return code


def keep(agent, code, paths=PATHS):
    return agent.do("keep_writes", folder=str(code), paths=paths)


def put_back(agent, code, listing):
    return agent.do("put_writes_back", folder=str(code), listing=listing)["changed"]


def everything(code):
    return {
        path.relative_to(code).as_posix(): path.read_text("utf-8")
        for path in code.rglob("*")
        if path.is_file()
    }


def test_what_was_kept_is_put_back_and_nothing_else_stays_in_its_folders(agent, code):
    before = everything(code)
    kept = keep(agent, code)
    assert kept["absent"] == []
    assert put_back(agent, code, kept["listing"]) == 0
    (code / "assets/dist/main.1a2b.js").unlink()
    (code / "assets/dist/deep/ä b.txt").write_text("of another build")
    (code / "assets/dist/stray.js").write_text("stray")
    (code / "stats.json").write_text("{1}")
    assert put_back(agent, code, kept["listing"]) == 4
    assert everything(code) == before


def test_a_folder_that_is_gone_comes_again(agent, code):
    before = everything(code)
    listing = keep(agent, code)["listing"]
    for name in ("main.1a2b.js", "deep/ä b.txt"):
        (code / "assets/dist" / name).unlink()
    (code / "assets/dist/deep").rmdir()
    (code / "assets/dist").rmdir()
    put_back(agent, code, listing)
    assert everything(code) == before


def test_what_was_not_made_is_named(agent, code):
    assert keep(agent, code, ["assets/dist", "lost", "lost.json"])["absent"] == [
        "lost",
        "lost.json",
    ]


@pytest.mark.parametrize("path", ["../x", "/etc", "a/../../x", ""])
def test_no_path_leads_out_of_the_checkout(agent, code, path):
    for verb in ("keep_writes", "guard_writes"):
        with pytest.raises(RefusedError):
            agent.do(verb, folder=str(code), paths=[path])


def test_no_link_leads_out_of_it_either(agent, code, tmp_path):
    (tmp_path / "live").mkdir()
    (tmp_path / "live/manifest.json").write_text("live")
    (code / "assets/dist/manifest.json").symlink_to(tmp_path / "live/manifest.json")
    with pytest.raises(RefusedError, match="leads out of the checkout"):
        agent.do("guard_writes", folder=str(code), paths=["assets/dist"])
    (code / "out").symlink_to(tmp_path / "live")
    with pytest.raises(RefusedError, match="out leads out of the checkout"):
        keep(agent, code, ["out"])
    agent.do("guard_writes", folder=str(code), paths=["stats.json", "not there yet"])
