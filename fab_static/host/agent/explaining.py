"""Tells in words why a request was not done."""

from __future__ import annotations

import errno

from fab_static.host.agent.refusals import RefusedError, user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head


def explained(error: BaseException) -> Head:
    """Return an error as what, where and mend; a bug keeps its traceback."""
    if isinstance(error, RefusedError):
        return {"what": error.what, "where": error.where, "mend": error.mend, "kind": error.kind}
    if isinstance(error, OSError) and error.errno:
        mend = {
            errno.ENOSPC: "free some space there; what is live has not changed",
            errno.EDQUOT: "raise the user's quota; what is live has not changed",
            errno.EACCES: f"give the user {user()} the right to write there",
            errno.EPERM: f"give the user {user()} the right to write there",
            errno.EROFS: "mount that file system for writing",
            errno.ENAMETOOLONG: "shorten the file's name",
            errno.EXDEV: "keep objects/, releases/ and pool/ on one file system: files are hard links",
        }.get(error.errno, f"see as the user {user()} what is wrong with it there")
        what = "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror).lower()
        return {"what": what, "where": str(error.filename or ""), "mend": mend, "kind": "host"}
    import traceback

    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {
        "what": f"the agent failed: {error.__class__.__name__}",
        "where": "host/agent",
        "mend": "this is a bug of fab_static; please report it with this traceback:\n" + trace,
        "kind": "bug",
    }
