"""Manifests that the build host keeps as objects."""

from __future__ import annotations

import pytest

from fab_static.errors import ManifestError
from fab_static.phases.run.stored import blocks_of, put, text_of
from fab_static.plan.wire import verbs
from tests.unit.site import Site, file_of


def test_what_was_put_is_read_again(site: Site) -> None:
    build = site.hosts["build1"]
    file = put(build, "Ä: 1\n")
    assert file == file_of("Ä: 1\n".encode())
    assert text_of(build, file.sha256, "versions") == "Ä: 1\n"


def test_bytes_that_are_no_text_are_refused_with_what_they_are(site: Site) -> None:
    build = site.hosts["build1"]
    head, _ = build.ask(verbs.PUT_OBJECT, body=b"\xff")
    with pytest.raises(ManifestError) as caught:
        text_of(build, head["object"], "build1: versions.yml")
    assert caught.value.where == "build1: versions.yml"


def test_an_offline_manifest_is_read_as_its_blocks(site: Site) -> None:
    build = site.hosts["build1"]
    file = put(build, '{"' + "a" * 64 + '": "<i></i>"}')
    assert blocks_of(build, file.sha256, "manifest.json") == {"a" * 64: "<i></i>"}
