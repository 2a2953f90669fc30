"""The text of an inventory -> Environment; or every problem of it at once, with its place and cure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from fab_static.errors import InventoryError
from fab_static.plan.budget import Budget
from fab_static.plan.inventory.buckets import read_hub, read_origin, read_own
from fab_static.plan.inventory.building import read_build, read_project
from fab_static.plan.inventory.environment import (
    FOLDER,
    Cdn,
    Environment,
    Manifest,
    Notify,
    Probe,
    Releases,
    Web,
)
from fab_static.plan.inventory.hosts import read_hosts, read_ssh
from fab_static.plan.inventory.section import NAME, Section, no_such
from fab_static.plan.inventory.yaml_text import load

BRACES = ("host", "address", "folder")  # what {…} may hold in a path
HOOKS = ("before_deploy", "after_activate", "after_failure")
RECORDS = ("bucket", "host")
_URL = re.compile(r"https?://[^/?#\s]")
_BASE = re.compile(r"https?://[^/?#\s][^?#\s]*")  # a path is put behind it
ON_WEB_HOSTS = ("reload", "check", "running", "batch", "confirm_timeout")


def parse(text: str, *, name: str, source: str) -> Environment:
    """Return the environment that an inventory describes.

    Args:
        text: the YAML.
        name: the environment's name, which is the file's name without its ending.
        source: the file as the operator knows it, for messages.

    Raises:
        InventoryError: listing every problem of the file, each with its place and its cure.
    """
    problems: list[str] = []
    data, lines = load(text, problems)
    root = Section(data, "", problems, lines)
    environment = _environment(root, name) if not problems else None
    if problems:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InventoryError(
            f"the inventory has {count}:\n" + "\n".join(f"  - {problem}" for problem in problems),
            where=source,
            mend="correct the file; inventories/example.yml documents every key",
        )
    assert environment is not None  # noqa: S101 - without problems every section was read
    ssh = environment.ssh
    return replace(environment, ssh=replace(ssh, identity_at=f"{source}: {ssh.identity_at}"))


def _environment(root: Section, name: str) -> Environment:
    if not NAME.fullmatch(name):
        root.problem("", f'"{name}" is not a name for an environment: letters, digits, . _ - only')
    origin = read_origin(root.section("origin"))
    hooks, hooks_timeout = _hooks(root.section("hooks"))
    environment = Environment(
        name=name,
        app=root.name("app"),
        deploy_to=root.absolute("deploy_to"),
        hosts=read_hosts(root, has_origin=origin is not None),
        project=read_project(root.section("project", required=True)),
        ssh=read_ssh(root.section("ssh")),
        build=read_build(root.section("build")),
        web=_web(root.section("web")),
        cdn=_cdn(root.section("cdn")),
        origin=origin,
        hub=read_hub(root.section("distribute"), origin),
        cache=read_own(root.section("cache")),
        probe=_probe(root.section("probe")),
        budget=_budget(root.section("budget")),
        release=_releases(root.section("release")),
        keep_releases=root.integer("keep_releases", 5, least=1),
        keep_for_seconds=root.duration("keep_for", 7 * 86400),
        confirm=root.boolean("confirm", default=False),
        hooks=hooks,
        hooks_timeout=hooks_timeout,
        notify=_notify(root.section("notify")),
        report=read_own(root.section("report")),
    )
    root.close()
    _braces_are_known(root, environment)
    _folder_is_here(root, environment)
    _web_hosts_are_there(root, environment)
    _record_has_a_place(root, environment)
    return environment


def _braces_are_known(root: Section, environment: Environment) -> None:
    """Refuse `{hots}` in a path: a folder of that name would be made on every host."""
    project = environment.project
    texts = {"deploy_to": environment.deploy_to, "project.path": project.path}
    texts["project.python"] = project.python
    for key, value in texts.items():
        for word in re.findall(r"\{(\w+)\}", value or ""):
            if word not in BRACES:
                root.problem(key, no_such(word, BRACES, "name in braces", "names"))


def _folder_is_here(root: Section, environment: Environment) -> None:
    if all(host.local for host in environment.hosts):
        return
    project = environment.project
    texts = {"deploy_to": environment.deploy_to, "project.path": project.path}
    texts["project.python"] = project.python
    texts |= {f"project.environment.{key}": value for key, value in project.environment.items()}
    for key, value in texts.items():
        if FOLDER in value:
            root.problem(key, f"{FOLDER} is this machine's; hosts over SSH need the whole path")


def _web_hosts_are_there(root: Section, environment: Environment) -> None:
    """Refuse what is only done on web hosts, where there are none: images carry the manifests instead."""
    if not environment.hosts or any("web" in host.roles for host in environment.hosts):
        return
    section = root.section("web")
    for key in ON_WEB_HOSTS:
        if section.has(key):
            section.problem(
                key,
                "has no meaning: no host has the role web. Give it to one: `roles: [web]`; or, where "
                "images carry the manifests, leave this out",
            )


def _record_has_a_place(root: Section, environment: Environment) -> None:
    """Refuse a record in a bucket where there is none, and one of a host that serves: that host lasts."""
    if environment.release.record != "bucket" or not environment.hosts:
        return
    section, serves = root.section("release"), set(environment.build_host.roles) - {"build"}
    if not (environment.hub or environment.origin):
        section.problem(
            "record", "bucket needs one: name it as origin.s3, or distribute: {via: s3}"
        )
    if serves:
        section.problem(
            "record",
            f"bucket is for a build host that does not last; {environment.build_host.name} has the role "
            f"{' and '.join(sorted(serves))}, and keeps the record itself: leave it out",
        )


def _web(section: Section) -> Web:
    batch = section.scalar("batch", "100%")
    if not re.fullmatch(r"[1-9]\d*|([1-9]\d?|100)%", batch):
        section.problem("batch", f'"{batch}" is neither a number of hosts nor a share such as 25%')
    web = Web(
        reload=section.optional_text("reload"),
        check=section.optional_text("check"),
        running=section.optional_text("running"),
        manifests=tuple(_manifests(section)),
        unchecked_entries=section.list_of_text("unchecked_entries"),
        batch=batch,
        confirm_timeout=section.number("confirm_timeout", 30),
    )
    for key, url in (("check", web.check), ("running", web.running)):
        if url is not None and not _URL.match(url):
            section.problem(key, "must be a URL such as http://127.0.0.1:8000/health")
    section.close()
    return web


def _manifests(section: Section) -> Iterator[Manifest]:
    """Yield the files that web processes read: a path, or a mapping with the folder that its names lie below."""
    for at, (value, part) in enumerate(section.list_of_sections("manifests", "a file")):
        path = value if part is None else part.text("path")
        below = part.optional_text("below") if part else None
        if part:
            part.close()
        place = f"manifests[{at}]"
        if path.startswith("/") or ".." in path.split("/"):
            section.problem(place, f'"{path}" must be relative to project.path, without ".."')
        elif below is not None and (below.startswith("/") or ".." in below.split("/")):
            section.problem(
                place, f'below: "{below}" must be a folder of the static root, such as webpack'
            )
        elif path:
            yield Manifest(path, below)


def _releases(section: Section) -> Releases:
    releases = Releases(
        record=section.choice("record", RECORDS, "host") if section.has("record") else None,
        sign_with=section.optional_text("sign_with"),
        allowed_signers=section.optional_text("allowed_signers"),
        revoked_keys=section.optional_text("revoked_keys"),
    )
    if releases.revoked_keys and not releases.allowed_signers:
        section.problem(
            "revoked_keys", "is of no use without allowed_signers: every key counts then"
        )
    section.close()
    return releases


def _cdn(section: Section) -> Cdn | None:
    if not section.present:
        return None
    cdn = Cdn(
        distribution_id=section.text("distribution_id"),
        domain=section.optional_text("domain"),
        wait=section.number("wait", 600, least=0),
        endpoint_url=section.optional_text("endpoint_url"),
        timeout=section.number("timeout", 10),
    )
    if cdn.endpoint_url is not None and not _BASE.fullmatch(cdn.endpoint_url):
        section.problem("endpoint_url", "must be a URL such as http://127.0.0.1:5000")
    if cdn.domain and not re.fullmatch(r"(https?://)?[\w.-]+(:\d{1,5})?/?", cdn.domain, re.ASCII):
        section.problem(
            "domain", "must be a host such as d111111abcdef8.cloudfront.net, without a path"
        )
    section.close()
    return cdn


def _probe(section: Section) -> Probe:
    probe = Probe(
        pages=section.list_of_text("pages"),
        origin=section.optional_text("origin"),
        timeout=section.number("timeout", 10),
    )
    for at, page in enumerate(probe.pages):
        if not _URL.match(page):
            section.problem(f"pages[{at}]", "must be a whole URL: https://shop.example.com/")
    if probe.origin is not None and not _BASE.fullmatch(probe.origin):
        section.problem("origin", "must be a URL such as http://{address} or http://{address}:8080")
    section.close()
    return probe


def _budget(section: Section) -> Budget:
    budget = Budget(
        returning=section.bytes("returning"),
        first=section.bytes("first"),
        browser=section.choice("browser", ("deltas", "br", "gzip"), "br"),
        warns=section.choice("exceeded", ("stop", "warn"), "stop") == "warn",
    )
    is_empty = not (section.has("returning") or section.has("first"))
    if section.present and not section.broken and is_empty:
        section.problem("", "allows anything; write budget: {returning: 50kB, first: 400kB}")
    section.close()
    return budget


def _notify(section: Section) -> Notify:
    webhook = section.optional_text("webhook")
    if webhook is not None and not re.match(rf"{_URL.pattern}|\$[A-Za-z_][A-Za-z0-9_]*$", webhook):
        section.problem("webhook", "must be a URL, or $NAME of a variable that holds one")
    section.close()
    return Notify(webhook)


def _hooks(section: Section) -> tuple[dict[str, tuple[str, ...]], float]:
    hooks = {hook: section.list_of_text(hook) for hook in HOOKS}
    timeout = section.number("timeout", 300)
    section.close()
    return {hook: commands for hook, commands in hooks.items() if commands}, timeout
