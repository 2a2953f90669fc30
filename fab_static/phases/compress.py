"""Phase compress."""

from __future__ import annotations

from typing import Any

from fab_static.errors import BuildError
from fab_static.phases.building import build_phase
from fab_static.phases.deployment import Deployment


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
        answer = deploy.project(deploy.build).ask(
            {"ask": "coverage", "manifest": facts["offline_manifest"], "redirect": {}}
        )
        refuse_gaps(answer, where=f"{deploy.build.name}: phase compress")
        for template in answer["broken"]:
            deploy.show.warn(
                f"{template['template']} does not parse, and holds no compress block: "
                f"{template['error']}"
            )
        deploy.show.say(f"{answer['blocks']} compress blocks in {answer['templates']} templates")

    build_phase(deploy, "compress", check=every_block_is_there)


def refuse_gaps(answer: dict[str, Any], *, where: str) -> None:
    """Refuse a manifest that lacks a block which a template will ask for.

    `manage.py compress` exits 0 with blocks missing: a block that fails to render dies in a thread
    whose result nobody reads, and templates that do not parse are passed over.

    Raises:
        BuildError: naming every template, its block and the reason.
    """
    lines = [
        f"{gap['template']} does not parse: {gap['error']}"
        for gap in answer["broken"]
        if gap["has_compress"]
    ]
    lines += [f"{gap['template']} fails to render: {gap['error']}" for gap in answer["failed"]]
    lines += [
        f"{gap['template']}, block {gap['block']}, line {gap['line']}: its key {gap['key'][:12]}… "
        f"is not in the manifest; it renders as\n      {_indented(gap['text'])}"
        for gap in answer["missing"]
    ]
    if lines:
        count = "a compress block" if len(lines) == 1 else f"{len(lines)} compress blocks"
        raise BuildError(
            f"{count} would raise OfflineGenerationError:\n"
            + "\n".join(f"    {line}" for line in lines[:20])
            + (f"\n    … and {len(lines) - 20} more" if len(lines) > 20 else ""),
            where=where,
            mend="correct the templates, or build with the settings, versions and libraries that "
            "web hosts render with",
        )


def _indented(text: str) -> str:
    return "\n      ".join(text.strip().splitlines()[:12])
