"""How to mend compress blocks that the offline manifest lacks."""

from __future__ import annotations

import re

from fab_static.plan.wire import questions

_HAS_NO_VALUE = re.compile(r"VariableDoesNotExist|KeyError|is undefined")
_CURES = {
    "fails": "correct the templates that fail",
    "is not UTF-8": "save them as UTF-8",
    "has no value": "or give what they look for in COMPRESS_OFFLINE_CONTEXT",
    "has no parent": "give variable parents of `extends` in COMPRESS_OFFLINE_CONTEXT",
    "is Jinja2": "build Jinja2 too: build.commands: {compress: manage.py compress --force --engine django "
    "--engine jinja2} (it passes over blocks below `elif`, and templates that are not files)",
    "is not .html": "name endings other than .html in build.commands.compress: manage.py compress --extension",
    "is passed over": "move each block that compress does not find into a template of its own, and {% include %} "
    "that where the block stood",
    "is handed over": "take the processor out, and compress where the files are named: "
    "{% addtoblock … %}{% compress … %}…{% endcompress %}{% endaddtoblock %}",
    "is set outside": "set these variables within the block, or give their values in COMPRESS_OFFLINE_CONTEXT",
    "is surrounded": "write within each block the tags that change its text, not around it",
    "is translated": "keep translated text out of the block, or its language out of LANGUAGES",
    "is missing": "build with the templates, settings, versions and libraries that web hosts render with",
}


def cures(answer: questions.Coverage) -> str:
    """Return how to mend what `coverage.problems` names."""
    broken = [gap["error"] for gap in answer["broken"] if gap["has_compress"]]
    failed = [gap["error"] for gap in answer["failed"]]
    missing = answer["missing"]
    wanted = {
        "fails": broken or failed,
        "is not UTF-8": any("UnicodeDecodeError" in error for error in broken),
        "has no value": any(_HAS_NO_VALUE.search(error) for error in failed),
        "has no parent": any("extends" in error for error in broken),
        "is Jinja2": any(gap["engine"] == "jinja2" for gap in missing),
        "is not .html": any(not gap["template"].endswith(".html") for gap in missing),
        "is passed over": answer.get("passed_over"),
        "is handed over": answer.get("handed_over"),
        "is set outside": any(gap.get("set_by") for gap in answer["unfilled"]),
        "is surrounded": answer.get("surrounded"),
        "is translated": answer["untranslated"],
        "is missing": missing,
    }
    return "; ".join(_CURES[what] for what, is_so in wanted.items() if is_so)
