"""What a doctor has found: {"where": host or part, "subject", "ok", "what": one sentence, "mend": or null}."""

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
