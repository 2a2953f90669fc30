"""What a doctor has found: {"where", "subject", "ok", "what", "mend"}.

"where" is a host or a part. "what" is one sentence. "mend" says what to do; it is null where all is well.

Advice is "ok", and has "advice": true. A deploy does well without it, and pages would do better with it. Advice on a
template has "details", as host/project/lint gives them: every tag and URL with its line.
"""

from __future__ import annotations

from typing import Any

Finding = dict[str, Any]


def good(where: str, subject: str, what: str) -> Finding:
    """Return a finding of something that is as it should be."""
    return {"where": where, "subject": subject, "ok": True, "what": what, "mend": None}


def bad(where: str, subject: str, what: str, mend: str) -> Finding:
    """Return a finding of something that must be mended, and how."""
    return {"where": where, "subject": subject, "ok": False, "what": what, "mend": mend}


def advice(where: str, subject: str, what: str, mend: str, **more: Any) -> Finding:
    """Return what a deploy does well without, and pages or builds would do better with."""
    return {**good(where, subject, what), "advice": True, "mend": mend, **more}


def is_well(findings: list[Finding]) -> bool:
    """Tell whether nothing needs mending."""
    return all(finding["ok"] for finding in findings)
