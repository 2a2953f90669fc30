"""STATIC_URL's path -> the CloudFront Function that makes `?version=` exact where a bucket is the origin."""

from __future__ import annotations

import json
import re


def source(url: str = "/static/") -> str:
    """Return the function's JavaScript, for a viewer-request in runtime cloudfront-js-2.0.

    A query changes nothing on S3: it would answer `?version=old` with the bytes that are live. So the
    URL becomes the one in the pool, where each version has its own key. What is not a version is not part of
    a path, and what fab_static keeps for itself answers 404.

    Raises:
        ValueError: `url` is not a path with a slash at both ends.
    """
    if not re.fullmatch(r"/(?:[\w.~!$&'()*+,;=:@%-]+/)*", url):
        raise ValueError(f"{url!r} is not a path such as /static/")
    return f"""\
// fab_static: `?version=1a2b3c4` names the pool's key. Runtime cloudfront-js-2.0, viewer request.
function handler(event) {{
    var base = {json.dumps(url)};
    var request = event.request;
    if (!request.uri.startsWith(base)) {{
        return request;
    }}
    var path = request.uri.slice(base.length);
    if (/^(\\.|%2e)fab_static(\\/|%2f|$)/i.test(path)) {{
        return {{
            statusCode: 404,
            statusDescription: 'Not Found',
            headers: {{ 'cache-control': {{ value: 'no-store' }} }}
        }};
    }}
    var version = request.querystring.version;
    if (version && !version.multiValue && /^[0-9a-f]{{7}}$/.test(version.value)) {{
        request.uri = base + 'pool/' + version.value + '/' + path;
    }}
    return request;
}}
"""
