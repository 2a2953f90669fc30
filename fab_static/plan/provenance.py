"""How a release was built, as an in-toto statement that other programs read: SLSA provenance, version 1.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md · https://slsa.dev/spec/v1.0/provenance

Its subject is the seal, which names every byte of the release. The statement says nothing of this machine, so that two
machines that build one revision under one SOURCE_DATE_EPOCH write the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from fab_static.plan.inventory.environment import Environment
from fab_static.plan.release import Release

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://pypi.org/project/fab-static/#build-v1"  # docs/archives.md tells its fields
SUBJECT = "release.json"
SHORT = 7  # digits of a commit, as git shows them


def statement(
    release: Release,
    seal: str,
    environment: Environment,
    *,
    version: str,
    libraries: Mapping[str, str | None],
    collected: str | None,
) -> str:
    """Return the text of a release's statement, always the same for the same build.

    Args:
        release: what was built.
        seal: the SHA-256 of its release.json.
        environment: that built it.
        version: of fab_static.
        libraries: distributions of the project's Python that make static files -> their versions.
        collected: see `digest_of`; of the files that the first phase left.
    """
    build = environment.build
    definition: dict[str, object] = {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "app": release.app,
            "environment": release.environment,
            "phases": [{"name": one, "run": build.command_of(one)} for one in build.phases],
        },
        "resolvedDependencies": _sources(release, build.phases[0], collected)
        + _packages(libraries),
    }
    if release.created_by:  # not under SOURCE_DATE_EPOCH
        definition["internalParameters"] = {"operator": release.created_by}
    found = {
        "_type": TYPE,
        "subject": [{"name": SUBJECT, "digest": {"sha256": seal}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": definition,
            "runDetails": _run(release, environment, version),
        },
    }
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def _sources(release: Release, phase: str, collected: str | None) -> list[dict[str, object]]:
    used: list[dict[str, object]] = []
    if release.revision:
        used.append({"name": "checkout", "digest": {"gitCommit": release.revision}})
    if collected:
        used.append({"name": phase, "digest": {"sha256": collected}})
    return used


def _run(release: Release, environment: Environment, version: str) -> dict[str, object]:
    builder = environment.build_host.name
    return {
        "builder": {
            "id": f"fab-static://{release.app}/{release.environment}/{builder}",
            "version": {"fab-static": version},
        },
        "metadata": {"invocationId": release.id, "finishedOn": release.created_at},
    }


def _packages(libraries: Mapping[str, str | None]) -> list[dict[str, object]]:
    return [
        {"name": name, "uri": f"pkg:pypi/{name.lower()}@{found}"}
        for name, found in sorted(libraries.items())
        if found
    ]


def digest_of(files: Mapping[str, str]) -> str:
    """Return the SHA-256 that stands for files, path -> SHA-256: of the lines that `sha256sum` would print of them."""
    lines = "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def why_not_of(text: str, seal: str) -> str | None:
    """Return why a text is not a statement on this seal, or None if it is one."""
    try:
        found = json.loads(text)
        subjects = [one["digest"]["sha256"] for one in found["subject"]]
        types = found["_type"], found["predicateType"]
        words(text)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return "it cannot be read"
    if types != (TYPE, PREDICATE):
        return "it is no SLSA provenance, version 1"
    return None if subjects == [seal] else "it is of another release"


def words(text: str) -> str:
    """Return in words what a statement says."""
    predicate = json.loads(text)["predicate"]
    definition, run = predicate["buildDefinition"], predicate["runDetails"]
    commits = [
        one["digest"]["gitCommit"][:SHORT]
        for one in definition.get("resolvedDependencies", ())
        if "gitCommit" in one.get("digest", {})
    ]
    phases = ", ".join(one["name"] for one in definition["externalParameters"]["phases"])
    revision = f" from {commits[0]}" if commits else ""
    return f"built{revision} by {run['builder']['id']}, {run['metadata']['finishedOn']}: {phases}"
