"""The versions of the libraries that the bytes of a build depend on."""

from __future__ import annotations

from importlib import metadata

# What the bytes of a build, or the keys of compress blocks, may depend on.
LIBRARIES = (
    *(
        "django",
        "django-compressor",
        "django-appconf",
        "rcssmin",
        "rjsmin",
        "csscompressor",
        "calmjs.parse",
    ),
    *("beautifulsoup4", "lxml", "html5lib", "libsass", "django-libsass", "django-sass-processor"),
    *(
        "django-sekizai",
        "django-statici18n",
        "django-storages",
        "jinja2",
        "brotli",
        "whitenoise",
        "fab-static",
    ),
)


def version_of(distribution: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def libraries() -> dict[str, str]:
    """Return the versions of the libraries that a build depends on, those that are installed."""
    versions = {name: version_of(name) for name in LIBRARIES}
    return {name: version for name, version in versions.items() if version is not None}
