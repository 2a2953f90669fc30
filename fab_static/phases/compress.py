"""Phase compress."""

from __future__ import annotations

from collections.abc import Sequence

from fab_static.errors import BuildError
from fab_static.phases.run.building import build_phase
from fab_static.phases.run.carried_answers import to_take
from fab_static.phases.run.deployment import Deployment
from fab_static.phases.run.settings import reads_offline_manifest
from fab_static.plan import coverage
from fab_static.plan.coverage_cures import cures
from fab_static.plan.wire import questions
from fab_static.plan.wire.kept import Left
from fab_static.plan.wording import WARNED, counted, first_of, indented
from fab_static.remote import Question, RemoteHost

ADD_COMPRESS = "add compress to build.phases in the inventory"
OTHER_CDN = "https://any.invalid"  # RFC 2606: a name that never is anybody's


def compress(deploy: Deployment) -> None:
    """Compress every block offline; none may be lost.

    Needs: files with true LESS imports, and the versions of all of them: they stand in the blocks.
    Leaves: the compressed files and the offline manifest.
    If it fails: nothing that is live has changed; `deploy --resume` goes on here.
    """

    def every_block_is_there() -> Left:
        facts = deploy.facts(deploy.build)
        if not facts["compress"]:
            return {}
        request = request_of(facts)
        answer = deploy.project(deploy.build).ask(questions.COVERAGE, request)
        # only here: what was live with such a block must not be kept from coming back
        if not coverage.is_covered(answer) or answer["untranslated"]:
            told = deploy.project(deploy.build).ask(
                questions.COVERAGE, questions.OfManifest(**{**request, "texts": True})
            )
            lacking = {gap["key"] for gap in told["missing"]}
            built = [each for each in coverage.built_blocks(told) if each.key not in lacking]
            raise gaps_refused(answer, built, where=f"{deploy.build.name}: phase compress")
        _refuse_a_cdn(answer, where=f"{deploy.build.name}: phase compress")
        for line in first_of(coverage.advice(answer), WARNED):
            deploy.show.warn(line)
        deploy.show.say(
            f"{counted(answer['blocks'], 'compress block')} in {counted(answer['templates'], 'template')}"
        )
        return {"places": answer["places"]}

    def will_ask() -> list[Question]:
        facts, project = deploy.facts(deploy.build), deploy.project(deploy.build)
        if not facts["compress"]:
            return []
        asked = questions.COVERAGE, request_of(facts)
        return [*to_take(deploy, asked), project.to_ask(*asked)]

    build_phase(deploy, "compress", check=every_block_is_there, will_ask=will_ask)


def request_of(facts: questions.Settings) -> questions.OfManifest:
    """Return what the build host's project is asked of the manifest that compress has written."""
    return {
        "manifest": facts["offline_manifest"],
        "redirect": {},
        "places": True,
        "made": True,
        "other_cdn": OTHER_CDN if facts["cdn_independent"] else None,
    }


def refuse_unbuilt(
    deploy: Deployment, host: RemoteHost, where: str, mend: str = ADD_COMPRESS
) -> None:
    """Refuse what has no offline manifest for a host whose pages ask for compress blocks.

    Args:
        deploy: whose host.
        host: whose templates and settings count.
        where: what lacks a manifest.
        mend: the cure.

    Raises:
        BuildError: naming these blocks.
    """
    if not reads_offline_manifest(deploy.facts(host)):
        return
    answer = asked_without_manifest(deploy, host)
    if coverage.wants_manifest(answer):
        refused = gaps_refused(answer, [], where=f"{host.name}: {where}")
        raise BuildError(refused.what, where=refused.where, mend=mend)


def asked_without_manifest(deploy: Deployment, host: RemoteHost) -> questions.Coverage:
    """Return what a host's project answers where no block is in a manifest, whatever is live and has one."""
    return deploy.project(host).ask(
        questions.COVERAGE, questions.OfManifest(manifest="", redirect={})
    )


def _refuse_a_cdn(answer: questions.Coverage, *, where: str) -> None:
    """Refuse a build that says it knows no CDN, and does.

    Raises:
        BuildError: naming every block whose key, and every file whose bytes, hold STATIC_CDN.
    """
    lines = [
        f"{block['template']}, block {block['block']}, line {block['line']} renders the CDN:\n      "
        + block["text"].strip().replace("\n", "\n      ")
        for block in answer["with_cdn"]
    ]
    lines += [f"{path} holds it" for path in answer["files_with_cdn"]]
    lines += [
        f"the inline block with the key {key[:12]}… has a url() that is relative to each page"
        for key in answer["relative_inline"]
    ]
    if lines:
        raise BuildError(
            "FAB_STATIC_CDN_IN_BLOCKS is False, but the build depends on STATIC_CDN:\n"
            + indented(lines, 20),
            where=where,
            mend="write {% static %} itself into the block, no filter, included template or overridden "
            "{% block %}; use compressor.filters.css_default.CssRelativeFilter for CSS",
        )


def gaps_refused(
    answer: questions.Coverage,
    built: Sequence[coverage.Block],
    *,
    where: str,
    static_urls: tuple[str, str] = ("", ""),
    differing: Sequence[str] = (),
) -> BuildError:
    """Return the refusal of a manifest that lacks a block which a template will ask for.

    `manage.py compress` exits 0 with blocks missing: a block that fails to render dies in a thread
    whose result nobody reads, and templates that do not parse are passed over.

    Args:
        answer: the project's.
        built: blocks that were built, to compare with.
        where: the host, and what was looked at.
        static_urls: STATIC_URL of the build host and there.
        differing: in words, what else differs between the two hosts.
    """
    problems = coverage.problems(answer, built, static_urls)
    lines = first_of([text.replace("\n", "\n      ") for text in problems], coverage.GAPS_SHOWN)
    count = "a compress block" if len(problems) == 1 else f"{len(problems)} compress blocks"
    return BuildError(
        f"{count} would raise OfflineGenerationError:\n"
        + "\n".join(f"    {line}" for line in (*lines, *differing)),
        where=where,
        mend=cures(answer),
    )
