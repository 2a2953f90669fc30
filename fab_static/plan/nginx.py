"""A host's deploy_to -> the nginx configuration that serves its releases as the guarantees want."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from urllib.parse import urlsplit

from fab_static.plan.content_types import TYPES, UNKNOWN
from fab_static.plan.inventory import Environment, Host, expand_url
from fab_static.plan.nginx_encodings import Extra

IMMUTABLE = "public, max-age=31536000, immutable"
# browsers keep a file whatever CloudFront is told: short for them, long for the CDN
UNVERSIONED = "public, max-age=300, s-maxage=86400, stale-while-revalidate=60, stale-if-error=86400"
# asked for by pages of an earlier release alone; a later one may bring the name back with other bytes
GONE = "public, max-age=0, must-revalidate"

# A location inherits what http { } sets. Each line undoes one such setting that would change the bytes, the
# headers or the moment of an answer; tests/integration/test_nginx_settings.py shows each of them.
OWN_SETTINGS = (
    "open_file_cache off;  # or a flip is seen only after open_file_cache_valid",
    "disable_symlinks off;  # current is a link",
    "etag on;",
    "if_modified_since exact;  # file times stand for content, and a rollback goes back in time",
    "expires off;  # or there are two Cache-Control headers",
    "charset off;  # or bytes are converted",
    "ssi off;",
    "recursive_error_pages off;  # or the page for 404 below is replaced by another",
    "userid off;  # or caches keep one visitor's cookie for all",
)

# No line of ours undoes these: an nginx built without their modules would refuse it, and sub_filter has no off.
CHANGED_BYTES = (
    "sub_filter, add_before_body or add_after_body in nginx's http { } changes bytes: see `nginx -T`, and move "
    "them into the server that needs them"
)


def server_names(environment: Environment, hosts: Iterable[Host]) -> str:
    """Return the names by which static hosts are asked: their addresses, and what stands in probe.origin.

    A server of its own name is found beside others on the same port, such as Debian's sites-enabled/default.
    """
    names = []
    for host in hosts:
        names.append("localhost" if host.local else expand_url("{address}", host))
        if environment.probe.origin:
            asked = urlsplit(expand_url(environment.probe.origin, host)).hostname or ""
            names.append(
                f"[{asked}]" if ":" in asked else asked
            )  # without port, and without credentials
    return " ".join(dict.fromkeys(filter(None, names)))


def nginx_server(
    deploy_to: PurePath | None,
    listen: str,
    server_name: str = "_",
    *,
    url: str = "/static/",
    name: str = "fab_static",
    app: str | None = None,
    static_hosts: Sequence[str] = (),
    precompressed: Sequence[str] = ("gzip",),
    deltas: bool = False,
) -> str:
    """Return nginx's maps and server for one host, to be included inside `http { }`.

    Args:
        deploy_to: the host's deploy_to; None for a host that asks `static_hosts` instead.
        listen: what the server listens on: "80", "127.0.0.2:8080".
        server_name: the server's name; "_" for any.
        url: STATIC_URL's path, with a slash at both ends.
        name: begins the names of the variables; another one per app on the same nginx.
        app: address:port of the server behind, for everything that is not static.
        static_hosts: address:port of each static host, asked in turn.
        precompressed: the encodings that releases hold, as build.precompress says: "gzip", "br".
        deltas: whether releases hold deltas, as build.deltas says.

    Raises:
        ValueError: a value that nginx would read as something else than text.
    """
    _refuse_words([str(deploy_to or ""), listen, server_name, url, name, app or "", *static_hosts])
    maps = static = ""
    if deploy_to:
        extra = Extra(name, deltas, "zstd" in precompressed)
        maps = _maps(url, name, extra)
        static = _static_locations(deploy_to, url, name, precompressed, extra)
    elif static_hosts:
        maps, static = _asked_of_hosts(static_hosts, url, name)
    return f"""\
{maps}
server {{
    listen {listen};
    server_name {server_name};
{static}{_behind(app) if app else ""}}}
"""


def _refuse_words(texts: Iterable[str]) -> None:
    for text in texts:
        if re.search(r'["\\$;{}\x00-\x1f]', text):
            raise ValueError(f"{text!r} cannot stand in an nginx configuration")


def _asked_of_hosts(hosts: Sequence[str], url: str, name: str) -> tuple[str, str]:
    """Return the upstream, and the location of a host that asks static hosts for the files."""
    servers = "".join(f"    server {server};\n" for server in hosts)
    location = f"""
    location ^~ {url} {{
        proxy_pass http://{name}_hosts;
    }}
"""
    return f"upstream {name}_hosts {{\n{servers}}}\n", location


def _behind(app: str) -> str:
    return f"""
    location / {{
        proxy_pass http://{app};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
    }}
"""


def _maps(url: str, name: str, extra: Extra) -> str:
    """Return the maps of a host's releases: the version and the path that are asked for, and how caches may keep them."""
    return f"""\
# a version is 7 hex digits: nothing else may become part of a path
map $arg_version ${name}_version {{
    "" none;
    "~^[0-9a-f]{{7}}$" $arg_version;
    default unknown;
}}
# $uri is decoded, without . and .. ; quoted: it may hold spaces
map $uri ${name}_path {{
    "~(?s)^{re.escape(url)}(.+)\\z" $1;
    default -;
}}
# here $uri is the file chosen: only the exact bytes that the URL names may stay with anybody
map "$status ${name}_version $uri" ${name}_cache {{
{extra.cache(IMMUTABLE) if extra else ""}\
    "~^(200|206|304) [0-9a-f]{{7}} /pool/[0-9a-f]{{7}}~?/" "{IMMUTABLE}";
    "~^(200|206|304) none /pool/named~?/" "{IMMUTABLE}";
    "~^(200|206|304) none /pool/gone~?/" "{GONE}";
    "~^(200|206|304) none /" "{UNVERSIONED}";
    default no-store;
}}
{extra.maps() if extra else ""}"""


def _static_locations(
    deploy_to: PurePath, url: str, name: str, precompressed: Sequence[str], extra: Extra
) -> str:
    """Return the locations that serve a host's releases (DESIGN §6).

    `pool/named` comes before `current/static`. It holds what compress, collectstatic or a bundler named by content:
    so no rule has to guess from the shape of a name. `pool/gone` is last: it holds names that the live release
    has no more.
    """
    headers = f"""\
        add_header Cache-Control ${name}_cache always;
        add_header Access-Control-Allow-Origin * always;  # fonts, asked for through the CDN's name
"""
    encodings = "".join(f"        {line}\n" for line in _encodings(precompressed, extra))
    ordinary = (f"try_files {_places(name)} =404;", encodings)
    begins = f"^~ {url}"
    locations = ""
    if extra:
        # gzip would encode a delta once more
        own = f"        gzip off;\n        add_header Content-Encoding ${name}_encoding;\n"
        first = (f"try_files {extra.places()} @{name}_ordinary;", own)
        locations = _location(begins, deploy_to, name, headers + extra.headers(), first)
        begins = f"@{name}_ordinary"
    every = headers + (extra.headers() if extra else "")
    return f"""{locations}{_location(begins, deploy_to, name, every, ordinary)}\
    location @{name}_missing {{  # or the server's own error page, with other headers, would answer
{headers}        return 404;
    }}
"""


def _location(
    begins: str, deploy_to: PurePath, name: str, headers: str, tried: tuple[str, str]
) -> str:
    """Return a location: which files are tried in it, and how they are sent."""
    files, encodings = tried
    own = "".join(f"        {line}\n" for line in OWN_SETTINGS)
    # root stands inside the location, or the rest of the server could reach deploy_to
    return f"""
    location {begins} {{
        root "{deploy_to}";
        {files}
        error_page 404 = @{name}_missing;
{headers}{encodings}{own}{_types()}    }}
"""


def _places(name: str) -> str:
    """Return where a file is looked for, in this order. pool/…~ holds names that another release has as a folder."""
    version = f"pool/${{{name}_version}}"
    pools = (version, version + "~", "pool/named", "pool/named~", "current/static")
    return " ".join(f"/{place}/${name}_path" for place in (*pools, "pool/gone", "pool/gone~"))


def _types() -> str:
    """Return a table of content types that stands in place of the host's."""
    endings: dict[str, list[str]] = {}
    for ending, kind in TYPES.items():
        endings.setdefault(kind, []).append(ending[1:])
    lines = "".join(
        f"            {kind} {' '.join(some)};\n"
        for kind, some in sorted(endings.items())
        if kind != UNKNOWN
    )
    return f"""\
        default_type {UNKNOWN};  # or what has no ending comes as a page
        types_hash_max_size 1024;
        types_hash_bucket_size 64;
        types {{
{lines}        }}
"""


def _encodings(precompressed: Sequence[str], extra: Extra) -> list[str]:
    """Return what makes nginx send path.gz and path.br, where they stand beside the file chosen."""
    lines = []
    if "br" in precompressed:
        lines.append("brotli_static on;")
    if "gzip" in precompressed:
        lines += [
            "gzip_static on;",
            "gzip_proxied any;  # CloudFront sends Via, and nginx then sends nothing encoded",
            "gzip_http_version 1.0;  # what an nginx before this one speaks",
        ]
    if extra:
        return [*lines, "gzip_vary off;  # said above"]
    return [*lines, "gzip_vary on;"] if lines else []
