"""What keeps a release of one environment from being another's: settings that are baked into its bytes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from fab_static.plan.baked import Baked
from fab_static.plan.release import Release

# They render the blocks whose text is the key in the offline manifest; the others (minifiers, parsers,
# compilers) worked on the bytes, which come built.
RENDERING = (
    *("django", "django-compressor", "jinja2", "fab-static", "django-sekizai"),
    *("django-statici18n", "django-sass-processor", "django-storages", "whitenoise"),
)


def obstacles(
    release: Release,
    asked: Mapping[str, Baked],
    *,
    names: Collection[str] | None = None,
) -> list[str]:
    """Return what differs between a release's seal and the hosts it would go to, a line for each.

    Args:
        release: what was sealed in the other environment.
        asked: host -> its settings, as a seal has them; a web host's with "offline_manifest", too,
            the path below the static root where its pages look for it, None where they do not.
        names: the settings to compare; None: all.
    """
    found: dict[tuple[str, str, str], list[str]] = {}
    for host, settings in asked.items():
        no_cdn = all(each.get("cdn_independent", False) for each in (release.settings, settings))
        sealed = dict(_compared(release.settings, no_cdn=no_cdn))
        for name, value in _compared(settings, no_cdn=no_cdn):
            if value != sealed[name] and (names is None or name in names):
                found.setdefault((name, _shown(sealed[name]), _shown(value)), []).append(host)
        if "offline_manifest" in settings:
            was, path = release.offline_manifest, settings["offline_manifest"]
            if was != path:
                key = ("the offline manifest that pages read", _shown(was), _shown(path))
                found.setdefault(key, []).append(host)
    return [
        f"{name} is {was} in the release and {here} on {', '.join(hosts)}"
        for (name, was, here), hosts in found.items()
    ]


def _compared(settings: Baked, *, no_cdn: bool) -> Iterator[tuple[str, str | bool | None]]:
    """Yield what must be equal for one build to be both environments'; `no_cdn`: it knows no CDN."""
    cdn, url = settings.get("STATIC_CDN") or "", settings.get("COMPRESS_URL")
    yield "FAB_STATIC_CDN_IN_BLOCKS", not settings.get("cdn_independent", False)
    yield "STATIC_URL", settings.get("STATIC_URL")
    if not no_cdn:
        yield "STATIC_CDN", cdn
    yield "COMPRESS_URL", url.removeprefix(cdn) if no_cdn and url else url
    libraries = settings.get("libraries") or {}
    for name in RENDERING:
        yield name, libraries.get(name)


def _shown(value: str | bool | None) -> str:
    return "nothing" if value is None else repr(value)
