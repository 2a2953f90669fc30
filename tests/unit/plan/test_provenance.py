"""What an in-toto statement says of a release, and which texts are none."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from fab_static.plan import inventory
from fab_static.plan.provenance import digest_of, statement, why_not_of, words
from fab_static.plan.release import Release

SEAL = "a" * 64
INVENTORY = """\
app: shop
deploy_to: /srv/static
hosts: {runner: {local: true, roles: [build, static, web]}}
project: {path: /srv/shop}
build:
  phases: [collectstatic, {name: vite, run: npm run build, writes: [assets]}, compress]
"""
RELEASE = Release(
    id="20261122T170102Z-c6411c8e",
    app="shop",
    environment="ci",
    revision="3f9c1a7b" * 5,
    created_at="2026-11-22T17:01:02Z",
    created_by="anna@desk",
    settings={},
    phases=(),
    files={},
    versions={},
    named=(),
    offline_manifest=None,
    versions_sha256=None,
)


def said(release: Release = RELEASE) -> str:
    environment = inventory.parse(INVENTORY, name="ci", source="ci.yml")
    libraries = {"Django": "5.2", "django-compressor": None}
    return statement(
        release, SEAL, environment, version="0.1.0", libraries=libraries, collected="b" * 64
    )


def test_it_names_the_seal_what_was_asked_for_what_was_used_and_who_built() -> None:
    found: dict[str, Any] = json.loads(said())
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["predicateType"] == "https://slsa.dev/provenance/v1"
    assert found["subject"] == [{"name": "release.json", "digest": {"sha256": SEAL}}]
    definition, run = found["predicate"]["buildDefinition"], found["predicate"]["runDetails"]
    phases = definition["externalParameters"]["phases"]
    assert phases[1] == {"name": "vite", "run": "npm run build"}
    assert definition["resolvedDependencies"] == [
        {"name": "checkout", "digest": {"gitCommit": RELEASE.revision}},
        {"name": "collectstatic", "digest": {"sha256": "b" * 64}},
        {"name": "Django", "uri": "pkg:pypi/django@5.2"},
    ]
    assert definition["internalParameters"] == {"operator": "anna@desk"}
    assert run["builder"]["id"] == "fab-static://shop/ci/runner"
    assert run["metadata"] == {
        "invocationId": RELEASE.id,
        "finishedOn": "2026-11-22T17:01:02Z",
    }


def test_under_an_epoch_it_does_not_say_who() -> None:
    text = said(replace(RELEASE, created_by=""))
    assert "operator" not in text
    assert said(replace(RELEASE, created_by="")) == text


def test_in_words() -> None:
    assert words(said()) == (
        "built from 3f9c1a7 by fab-static://shop/ci/runner, 2026-11-22T17:01:02Z: collectstatic, vite, compress"
    )


def test_it_is_of_one_seal_alone() -> None:
    assert why_not_of(said(), SEAL) is None
    assert why_not_of(said(), "b" * 64) == "it is of another release"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it cannot be read"),
        ("[]", "it cannot be read"),
        ("[" * 100_000, "it cannot be read"),
        (said().replace("subject", "object"), "it cannot be read"),
        (said().replace('"builder"', '"by"'), "it cannot be read"),
        (said().replace("Statement/v1", "Statement/v2"), "it is no SLSA provenance, version 1"),
        (said().replace("provenance/v1", "link/v1"), "it is no SLSA provenance, version 1"),
    ],
)
def test_what_is_no_statement(text: str, why: str) -> None:
    assert why_not_of(text, SEAL) == why


def test_files_have_the_digest_of_what_sha256sum_prints() -> None:
    one = hashlib.sha256(b"a").hexdigest()
    lines = f"{one}  css/a.css\n{one}  js/a.js\n"
    assert (
        digest_of({"js/a.js": one, "css/a.css": one}) == hashlib.sha256(lines.encode()).hexdigest()
    )
