"""A bundler gives a chunk another name in each build; pages that are open still ask for the old ones (G1)."""

from __future__ import annotations

from pathlib import Path

from tests.integration import plain_project
from tests.integration.conftest import on_this_machine

FOLDERS = ("current/static", "pool/gone", "pool/gone~")


def renamed(code: Path, build: int) -> str:
    """Give the chunk the name and the bytes of a build, as a bundler does; return the name."""
    folder = code / "shop/static/dist"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (folder / f"lazy.{build:08x}.js").write_text(f"build({build})\n")
    return f"dist/lazy.{build:08x}.js"


def answered(host: Path, path: str) -> str | None:
    """Return what the web server of a host finds under a name."""
    found = (host / folder / path for folder in FOLDERS)
    return next((file.read_text() for file in found if file.is_file()), None)


def test_every_chunk_of_every_kept_release_is_answered(tmp_path: Path) -> None:
    code = plain_project.write(tmp_path / "here/code")
    inventory = {
        "deploy_to": f"{tmp_path}/{{host}}/static",
        "keep_releases": 3,
        "keep_for": "0s",
        "hosts": {
            "here": {"roles": ["build", "web"]},
            "edge1": {"local": True, "roles": ["static"]},
            "edge2": {"local": True, "roles": ["static"]},
        },
        "project": {"path": f"{tmp_path}/here/code", "settings": "settings"},
    }
    edges = [tmp_path / name / "static" for name in ("edge1", "edge2")]
    names: list[str] = []

    def are_answered(kept: list[str]) -> bool:
        wanted = {name: f"build({names.index(name)})\n" for name in kept}
        return all(
            {name: answered(edge, name) for name in names}
            == {name: wanted.get(name) for name in names}
            for edge in edges
        )

    with on_this_machine(code, "collectstatic", **inventory) as (session, _):
        for build in range(5):
            names.append(renamed(code, build))
            session.deploy()
            assert are_answered(names[-3:]), build
        assert [host["missing"] for host in session.status()["hosts"]] == [0, 0, 0]
        session.rollback()
        assert are_answered(names[-3:])
        (edges[0] / "pool/gone" / names[-1]).unlink()
        told = {host["host"]: host["missing"] for host in session.status()["hosts"]}
        assert told == {"here": 0, "edge1": 1, "edge2": 0}
        assert session.why(names[-1])["hosts"][1]["gone"]
        session.deploy()  # of the same files as the last: the third release kept is another one
        assert are_answered(names[-2:])
        assert [host["missing"] for host in session.status()["hosts"]] == [0, 0, 0]
