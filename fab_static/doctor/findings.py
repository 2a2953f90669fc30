"""What a doctor has found: what is well, what must be mended, and advice."""

from __future__ import annotations

from fab_static.plan.printed import Finding as Finding


def good(where: str, subject: str, what: str) -> Finding:
    """Return a finding of something that is as it should be."""
    return {"where": where, "subject": subject, "ok": True, "what": what, "mend": None}


def bad(where: str, subject: str, what: str, mend: str) -> Finding:
    """Return a finding of something that must be mended, and how."""
    return {"where": where, "subject": subject, "ok": False, "what": what, "mend": mend}


def advice(where: str, subject: str, what: str, mend: str, details: object = None) -> Finding:
    """Return what a deploy does well without, and pages or builds would do better with."""
    found: Finding = {**good(where, subject, what), "advice": True, "mend": mend}
    if details is not None:
        found["details"] = details
    return found


def is_well(findings: list[Finding]) -> bool:
    """Tell whether nothing needs mending."""
    return all(finding["ok"] for finding in findings)
