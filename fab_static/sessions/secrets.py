"""The values of secrets, which stand in the operator's environment alone."""

from __future__ import annotations

from collections.abc import Mapping


def secrets_among(
    names: tuple[str, ...], environ: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return the secrets' values from the operator's environment, and the names that are not set."""
    values = {name: environ[name] for name in names if environ.get(name)}
    return values, [name for name in names if name not in values]
