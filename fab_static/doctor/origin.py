"""The doctor of static hosts' web servers: does nginx reach the files, and is it ours that answers."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from fab_static.doctor.findings import Finding, advice, bad, good
from fab_static.errors import FabStaticError
from fab_static.phases.run.browser import Answer, Browser
from fab_static.phases.run.deployment import Deployment
from fab_static.plan.diff import is_for_the_server
from fab_static.plan.expectations import base_of, wrong_bytes
from fab_static.plan.expectations import urls_of as expected
from fab_static.plan.inventory import expand_url
from fab_static.plan.nginx import CHANGED_BYTES
from fab_static.plan.release import Release
from fab_static.plan.seal import from_json
from fab_static.plan.wire import answers, asks, verbs
from fab_static.remote import RemoteHost

SUBJECT = "nginx"


def check(deploy: Deployment, host: RemoteHost) -> list[Finding]:
    """Return what is wrong with how a static host answers over HTTP for what is live there."""
    release = _live(host)
    path = _some(release) if release else None
    file = f"current/static/{path}" if path else None
    seen, _ = host.ask(verbs.CLOSED_TO_NGINX, asks.ClosedToNginx(path=file))
    old = [_before_gone(deploy, host)] if seen["lacks_gone"] else []
    found = [*_folder(host, seen), *old]
    origin = deploy.environment.probe.origin
    if not origin or not release or not path:
        return found
    url = expand_url(origin, host.host).rstrip("/") + base_of(release) + quote(path)
    with Browser(deploy.environment.probe.timeout) as browser:
        answer = browser.get(url)
    problem = _wrong(release, path, answer)
    if problem is None:
        return [*old, good(host.name, SUBJECT, f"{url} answers as {release.id} recorded it")]
    if any(not one["ok"] for one in found):
        return found
    return [bad(host.name, SUBJECT, f"{url} {problem}", _mend(deploy, host, answer))]


def _live(host: RemoteHost) -> Release | None:
    """Return the release that is live there, if any is."""
    try:
        current = host.ask(verbs.STATE)[0]["current"]
        if not current:
            return None
        _, text = host.ask(verbs.READ_RELEASE, asks.Release(release=current))
        return from_json(text.decode(), where=f"{host.name}: {current}")
    except FabStaticError:  # what is wrong with it, others of the doctor say
        return None


def _some(release: Release) -> str | None:
    """Return the smallest file with a URL that has no version. Pages come first: nginx may change them."""
    paths = [
        path
        for path, file in release.content.items()
        if file.size and not is_for_the_server(path, release)
    ]

    def order(path: str) -> tuple[bool, int, str]:
        return not path.endswith((".html", ".htm")), release.files[path].size, path

    return min(paths, key=order, default=None)


def _folder(host: RemoteHost, answer: answers.ClosedToNginx) -> Iterator[Finding]:
    """Name the folder on the way to the files that nginx's user may not enter."""
    folder, user = answer["folder"], answer["user"]
    if not folder:
        return
    what = f"{user} may not enter {folder}, so nginx answers 404 for every file"
    mend = f"let it in: chmod o+x {folder}; or set deploy_to to a folder outside of it"
    if answer["known_by"] == "its worker processes":
        yield bad(host.name, SUBJECT, what, mend)
    else:  # no nginx runs there
        what = (
            f"{user} may not enter {folder}: an nginx of that user would answer 404 for every file"
        )
        yield advice(host.name, SUBJECT, f"{what} (known by: {answer['known_by']})", mend)


def _before_gone(deploy: Deployment, host: RemoteHost) -> Finding:
    return advice(
        host.name,
        SUBJECT,
        "nginx's configuration does not know pool/gone: pages that are open lose their chunks at each deploy",
        f"print it again, and reload nginx: fab {deploy.environment.name} nginx --host {host.name}",
    )


def _wrong(release: Release, path: str, answer: Answer) -> str | None:
    want = next(iter(expected(release, path).values()))
    if isinstance(answer.status, str):
        return f"answers {answer.status}"
    try:
        body = answer.body
    except ValueError as error:
        return f"answers wrongly: {error}"
    return wrong_bytes(want, answer.status, body, answer.content_type)


def _mend(deploy: Deployment, host: RemoteHost, answer: Answer) -> str:
    printed = f"fab {deploy.environment.name} nginx --host {host.name}"
    if isinstance(answer.status, str):
        return f"start nginx there, with what `{printed}` prints; or correct probe.origin"
    is_ours = "access-control-allow-origin" in answer.headers
    if answer.status != 200 and not is_ours:
        return (
            "another server block answers, for the file is on the disk: have server_name in ours match the "
            f"name in probe.origin, as `{printed}` prints it, and reload nginx"
        )
    anew = f"print the configuration again, and reload nginx: {printed}"
    return f"{anew}. If it is printed already: {CHANGED_BYTES}" if answer.status == 200 else anew
