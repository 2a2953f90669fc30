"""Phase compress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fab_static.errors import BuildError
from fab_static.phases.building import build_phase
from fab_static.phases.deployment import Deployment
from fab_static.plan import coverage


def compress(deploy: Deployment) -> None:
    """Compress every block offline; none may be lost.

    Needs: files with true LESS imports, and the versions of all of them: they stand in the blocks.
    Leaves: the compressed files and the offline manifest.
    If it fails: nothing that is live has changed; `deploy --resume` goes on here.
    """

    def every_block_is_there() -> None:
        facts = deploy.facts(deploy.build)
        if not facts["compress"]:
            return
        question = {"ask": "coverage", "manifest": facts["offline_manifest"], "redirect": {}}
        answer = deploy.project(deploy.build).ask(question)
        if not coverage.is_covered(answer):
            told = deploy.project(deploy.build).ask({**question, "texts": True})
            lacking = {gap["key"] for gap in told["missing"]}
            built = [each for each in coverage.built_blocks(told) if each.key not in lacking]
            raise gaps_refused(answer, built, where=f"{deploy.build.name}: phase compress")
        for line in coverage.advice(answer):
            deploy.show.warn(line)
        deploy.show.say(f"{answer['blocks']} compress blocks in {answer['templates']} templates")

    build_phase(deploy, "compress", check=every_block_is_there)


def gaps_refused(
    answer: Mapping[str, Any],
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
        answer: the probe's, to {"ask": "coverage"}.
        built: blocks that were built, to compare with.
        where: the host, and what was looked at.
        static_urls: STATIC_URL of the build host and there.
        differing: in words, what else differs between the two hosts.
    """
    problems = coverage.problems(answer, built, static_urls)
    lines = [text.replace("\n", "\n      ") for text in problems[: coverage.GAPS_SHOWN]]
    if len(problems) > len(lines):
        lines.append(f"… and {len(problems) - len(lines)} more")
    count = "a compress block" if len(problems) == 1 else f"{len(problems)} compress blocks"
    return BuildError(
        f"{count} would raise OfflineGenerationError:\n"
        + "\n".join(f"    {line}" for line in (*lines, *differing)),
        where=where,
        mend=coverage.cures(answer),
    )
