"""What is found of the Django project, where it builds and where it renders pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fab_static.doctor.findings import Finding, advice, bad, good
from fab_static.errors import BuildError, ManifestError
from fab_static.phases.compress import refuse_unbuilt
from fab_static.phases.run import static_root, tracing
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.entries import refuse_unmade
from fab_static.phases.run.journal import Journal
from fab_static.phases.run.revisions import SHORT, others, revision_of
from fab_static.phases.run.settings import reads_offline_manifest
from fab_static.plan.build_order import command_missing
from fab_static.plan.inventory import Build, expand_url
from fab_static.plan.wire import asks, questions, verbs
from fab_static.plan.wording import counted
from fab_static.remote import RemoteHost

# threaded compress lost blocks before: django-compressor issue 1291
COMPRESSOR_WITHOUT_RACES = (4, 6)
NODE_AT_LEAST = 16
# the folders of a static root that cannot be changed; where it is not there, the one that it cannot be made in
_CLOSED = """
there=$1
until [ -e "$there" ] || [ "$there" = / ]; do there=$(dirname "$there"); done
if [ "$there" = "$1" ]; then
    find -H "$1" -type d -exec sh -c '
        for one; do [ -r "$one" ] && [ -w "$one" ] && [ -x "$one" ] || echo "$one"; done
    ' sh {} +
else
    [ -d "$there" ] && [ -w "$there" ] && [ -x "$there" ] || echo "$there"
fi 2>/dev/null
"""


def of_build(deploy: Deployment, host: RemoteHost) -> Iterator[Finding]:
    """Yield what is found of the project where it builds: its commands, its programs, its settings."""
    facts = deploy.facts(host)
    environment = deploy.environment
    yield good(host.name, "project", f"Django {facts['django']}, Python {facts['python']}")
    yield from _static_root(deploy, host)
    yield from _commands(deploy, host)
    yield from _node(deploy, host)
    yield from _strace(deploy, host)
    for program, key, cure in _encoders(environment.build):
        yield _program(host, program, key, cure)
    compress = facts["compress"]
    if "compress" in environment.build.phases and compress:
        yield from _compressor(host, facts, compress)
    else:
        yield from _unbuilt(deploy, host)


def _unbuilt(deploy: Deployment, host: RemoteHost) -> Iterator[Finding]:
    """Yield that pages ask for compress blocks, and no phase makes them, as far as is known before the seal."""
    own = deploy.environment.build.own.values()
    if any("compress" in phase.run for phase in own):
        return
    try:
        refuse_unbuilt(deploy, host, "its templates")
    except BuildError as error:
        if own:
            names = ", ".join(phase.name for phase in own)
            what = f"pages ask for them, and build.phases has no compress: {names} must write the offline manifest"
            yield advice(host.name, "compress blocks", what, error.mend)
        else:
            yield bad(host.name, "compress blocks", error.what, error.mend)


def _commands(deploy: Deployment, host: RemoteHost) -> Iterator[Finding]:
    build, there = deploy.environment.build, deploy.facts(host)["commands"]
    for name in build.phases:
        text = build.command_of(name).split()
        if text[0] == "manage.py" and text[1] not in there:
            where = f"inventories/{deploy.environment.name}.yml"
            yield bad(host.name, f"phase {name}", *command_missing(text[1], name, where))


def _node(deploy: Deployment, host: RemoteHost) -> Iterator[Finding]:
    node = host.run(["/bin/sh", "-c", "node --version"], environment=deploy.project(host).variables)
    said = node.output.strip()
    version = said.lstrip("v").split(".")[0]
    if node.code == 0 and version.isdigit() and int(version) >= NODE_AT_LEAST:
        yield good(host.name, "Node.js", said)
    elif {"build_requirejs", "fix_less_imports"} & set(deploy.environment.build.phases):
        cure = (
            f"install Node.js {NODE_AT_LEAST} or later, on the PATH of a login without a terminal"
        )
        yield bad(host.name, "Node.js", f"node is {said or 'not there'}", cure)


def _static_root(deploy: Deployment, host: RemoteHost) -> Iterator[Finding]:
    facts = deploy.facts(host)
    state, _ = host.ask(verbs.STATE)
    deploy.journal, _ = Journal.read(host, state["journal"], is_ours=state["journal_is_ours"])
    wrong = [
        bad(host.name, "STATIC_ROOT", error.what, error.mend)
        for error in static_root.faults(deploy)
    ]
    wrong += _closed(host, facts["static_root"])
    yield from wrong
    if not wrong:
        yield good(host.name, "STATIC_ROOT", f"{facts['static_root']} holds nothing else")
    ignored = facts["ignored_storage"]
    if ignored and ignored != facts["storage"]["class"]:
        yield bad(
            host.name,
            "STATICFILES_STORAGE",
            f"Django {facts['django']} does not read this setting any more: it uses "
            f"{facts['storage']['class']}, and not {ignored}",
            f'set STORAGES = {{"staticfiles": {{"BACKEND": "{ignored}"}}, …}}',
        )


def _closed(host: RemoteHost, root: str | None) -> Iterator[Finding]:
    """Yield that a build cannot change the static root: it is another account's, say."""
    if not root:
        return
    user = host.hello["user"]
    closed = host.run(["sh", "-c", _CLOSED, "sh", root]).output.splitlines()
    if closed and len(root) > len(closed[0]):
        what = f"{user} may not make {root}: {closed[0]} cannot be written"
        yield bad(host.name, "STATIC_ROOT", what, f"sudo install -d -o {user} {root}")
    elif closed:
        some = f"{counted(len(closed), 'folder')} there, such as {', '.join(closed[:3])}"
        what = f"{user} may not read and write in {some}"
        yield bad(host.name, "STATIC_ROOT", what, f"sudo chown -R {user} {root}")


def _strace(deploy: Deployment, host: RemoteHost) -> Iterator[Finding]:
    """Yield whether it can be seen what the programs read that phases start, and what that would save."""
    build = deploy.environment.build
    lines = [name for name in build.phases if not build.command_of(name).startswith("manage.py ")]
    always = tracing.always_running(deploy)
    why = tracing.why_not(host)
    if not why:
        yield good(host.name, "strace", "what phases read by other programs is seen")
    elif always or lines:
        names = ", ".join(always or lines)
        cost = f": {sum(always.values()):.1f} s the last time" if always else ""
        yield advice(
            host.name,
            "strace",
            f"{why}, so what other programs read is not seen, and {names} cannot be used again{cost}",
            "install strace there (apt-get install strace); in a container, allow ptrace (--cap-add SYS_PTRACE)",
        )


def _encoders(build: Build) -> Iterator[tuple[str, str, str]]:
    """Yield the programs that the seal runs: its name, the key that asks for it, and how to do without."""
    for encoding, program in (("br", "brotli"), ("zstd", "zstd")):
        if encoding in build.precompress:
            yield (
                program,
                f"build.precompress has {encoding}",
                f"take {encoding} out of build.precompress",
            )
    if build.deltas:
        yield "zstd", f"build.deltas is {build.deltas}", "take deltas out of build"


def _program(host: RemoteHost, program: str, key: str, cure: str) -> Finding:
    ran = host.run([program, "--version"])
    if ran.code == 0:
        return good(host.name, program, ran.output.strip())
    return bad(
        host.name,
        program,
        f"there is no program {program}, and {key}",
        f"install it there (Debian: apt-get install {program}), or {cure}",
    )


def _compressor(
    host: RemoteHost, facts: questions.Settings, compress: questions.Compress
) -> Iterator[Finding]:
    version = tuple(int(part) for part in str(facts["compressor"]).split(".")[:2] if part.isdigit())
    if version < COMPRESSOR_WITHOUT_RACES:
        yield bad(
            host.name,
            "django-compressor",
            f"{facts['compressor']} loses blocks now and then, when its threads race",
            "pip install 'django-compressor>=4.6' (what is lost is found, and fails the phase)",
        )
    else:
        yield good(host.name, "django-compressor", str(facts["compressor"]))
    if compress["css_hashing_method"] == "mtime":
        yield advice(
            host.name,
            "django-compressor",
            "COMPRESS_CSS_HASHING_METHOD is mtime: elsewhere the same files give other names",
            'set COMPRESS_CSS_HASHING_METHOD = "content"',
        )


def of_revisions(deploy: Deployment, hosts: Sequence[RemoteHost]) -> Iterator[Finding]:
    """Yield the hosts whose checkout is at another revision than the build host's."""
    here = revision_of(deploy, deploy.build)
    for host, other in others(deploy, hosts).items() if here else ():
        yield advice(
            host,
            "revision",
            f"its checkout is at {other[:SHORT]}, {deploy.build.name}'s at {str(here)[:SHORT]}",
            "bring both to the same revision before you deploy",
        )


def of_web(deploy: Deployment, host: RemoteHost) -> Iterator[Finding]:
    """Yield where a web host's project differs from the build host's, and whether its pages answer."""
    here, there = deploy.facts(host), deploy.facts(deploy.build)
    yield from _other_urls(host.name, here, there, deploy.build.name)
    yield from _other_libraries(host.name, here, there, deploy.build.name)
    if here["compress"] and not reads_offline_manifest(here):
        yield bad(
            host.name,
            "settings",
            "COMPRESS_ENABLED or COMPRESS_OFFLINE is off: pages will not use the offline manifest",
            "set both True where pages are rendered",
        )
    if deploy.environment.web.check:
        yield _answering(host, expand_url(deploy.environment.web.check, host.host))


def of_manifests(deploy: Deployment, host: RemoteHost) -> Iterator[Finding]:
    """Yield that tags ask manifests of bundlers that no phase makes, as far as is known before the seal."""
    try:
        refuse_unmade(deploy, host)
    except ManifestError as error:
        yield bad(host.name, "bundlers", error.what, error.mend)


def _other_urls(
    where: str, here: questions.Settings, there: questions.Settings, build: str
) -> Iterator[Finding]:
    knows_no_cdn = here["cdn_independent"] and there["cdn_independent"]
    for name, mine, theirs, may_differ in (
        ("STATIC_URL", here["static_url"], there["static_url"], False),
        ("STATIC_CDN", here["static_cdn"], there["static_cdn"], knows_no_cdn),
    ):
        if mine != theirs and not may_differ:
            what = f"{name} is {mine!r} here and {theirs!r} on {build}"
            cure = "set it alike: it stands in the blocks whose hashes are the manifest's keys"
            yield bad(where, "settings", what, cure)


def _other_libraries(
    where: str, here: questions.Settings, there: questions.Settings, build: str
) -> Iterator[Finding]:
    words = [
        f"{name} {here['libraries'].get(name) or 'not'} here, {version} there"
        for name, version in there["libraries"].items()
        if here["libraries"].get(name) != version
    ]
    if words:
        what = f"not those of {build}: {', '.join(words)}"
        cure = "install the same versions: blocks may be rendered otherwise"
        yield bad(where, "libraries", what, cure)


def _answering(host: RemoteHost, url: str) -> Finding:
    answer, _ = host.ask(verbs.HTTP, asks.Http(url=url, timeout=5))
    what = f"{url} answers {answer['answer']}"
    if answer["answer"] == "200":
        return good(host.name, "web.check", what)
    cure = "start the web processes, or correct web.check: a deploy would be put back"
    return bad(host.name, "web.check", what, cure)
