"""The one tree of errors.

FabStaticError
├── InventoryError       an inventory, an option or a name given by the operator is wrong
├── ReleaseError         a release is missing, incomplete, or cannot be made live
├── ManifestError        an offline manifest or resource versions cannot be read, or contradict the files
├── BuildError           a build phase failed
├── DeployLockedError    somebody else deploys
├── RemoteError          a host cannot be reached, or refused a request
├── CdnError             CloudFront or S3 refused
├── ProbeError           what is live does not answer over HTTP as it was recorded
└── DisagreementError    hosts are left with different releases

Every message says what happened, where, and how to mend it.
"""

from __future__ import annotations

import traceback

# with which a task ends (DESIGN §4; in words: tasks.EXIT_CODES)
DONE, FAILED, BAD_INPUT, LOCKED, LIVE_BUT, DISAGREE = range(6)
LINES_SHOWN = (
    25  # of a failing command's output in a message; the rest is shown as it came, or logged
)


class FabStaticError(Exception):
    """An expected failure, told to the operator without a traceback.

    Args:
        what: one sentence, lower case, without a full stop.
        where: host, file, key or phase, as precise as is known.
        mend: what to do now, as a command where there is one.
        instead: the words after `fab <environment>` to run next, where the same again would fail the same.
    """

    exit_code = FAILED  # with which a task ends, where the release is not live
    is_refusal = False  # a host or bucket was reached, and answered that it cannot

    def __init__(self, what: str, *, where: str, mend: str, instead: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.mend = mend
        self.instead = instead

    def told(self, host: str) -> str:
        """Return what happened, with the place where a host refuses; its own name stands before that."""
        name, _, place = self.where.partition(": ")
        if self.is_refusal and name == host and place and place not in self.what:
            return f"{self.what}: {place}"
        return self.what

    def __str__(self) -> str:
        return f"{self.what}\n  where: {self.where}\n  mend:  {self.mend}"


class InventoryError(FabStaticError):
    """An inventory, an option or a name given by the operator is wrong; nothing was contacted."""

    exit_code = BAD_INPUT


class ReleaseError(FabStaticError):
    """A release is missing, incomplete, or cannot be made live."""


class ProbeError(FabStaticError):
    """What is live does not answer over HTTP as the release recorded it."""


class ManifestError(FabStaticError):
    """An offline manifest or resource versions cannot be read, or contradict the files."""


class BuildError(FabStaticError):
    """A build phase failed; what is live has not changed."""


class DeployLockedError(FabStaticError):
    """Somebody else deploys this app to this environment."""

    exit_code = LOCKED


class RemoteError(FabStaticError):
    """A host cannot be reached, or refused a request."""


class CdnError(FabStaticError):
    """CloudFront or S3 refused."""


class DisagreementError(FabStaticError):
    """Hosts are left with different releases, and could not all be put back."""

    exit_code = DISAGREE


def expected(error: BaseException, where: str) -> FabStaticError:
    """Return an error of ours for whatever came; a bug keeps its traceback."""
    if isinstance(error, FabStaticError):
        return error
    trace = "".join(traceback.format_exception(error))
    return FabStaticError(
        f"fab_static failed: {type(error).__name__}: {error}",
        where=where,
        mend=f"this is a bug of fab_static; please report it with this traceback:\n{trace}",
    )


def lacking(error: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return the error that says how to install what the operator's machine lacks."""
    return ModuleNotFoundError(
        f"{error}: the operator's machine needs pip install 'fab-static[deploy]'", name=error.name
    )
