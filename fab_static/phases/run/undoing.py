"""Puts back what was flipped, when a flip does not end well: hosts, and a bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from fab_static import interruption
from fab_static.errors import DisagreementError, FabStaticError, expected
from fab_static.phases.run.deployment import Deployment, Named
from fab_static.phases.run.publication import Publication
from fab_static.plan.wording import counted

N = TypeVar("N", bound=Named)


@contextmanager
@interruption.whole
def undo_on_failure(deploy: Deployment) -> Iterator[Undo]:
    """Put every flipped host back, in reverse, when the block does not end well; else all have flipped.

    Raises:
        DisagreementError: a host could not be put back.
    """
    undo = Undo(deploy)
    try:
        yield undo
    except BaseException as error:
        left = undo.everything()
        if left:
            names = ", ".join(host.name for host in left)
            raise DisagreementError(
                f"{names} could not be put back: hosts may serve different releases now. "
                f"It began with: {_in_a_line(error)}",
                where="; ".join(f"{host.name}: {why.what}" for host, why in left.items()),
                mend=_mend_of(deploy, left),
            ) from error
        raise
    # here, where signals wait: an earlier one puts all back, and a later one leaves all as it is
    deploy.journal.if_undone = {}
    deploy.is_flipped = True


class Undo:
    """Remembers how to put back what was flipped: hosts, and a bucket."""

    def __init__(self, deploy: Deployment) -> None:
        self._deploy = deploy
        self._steps: list[tuple[Named, Callable[[], bool]]] = []

    def remember(self, host: N, how: Callable[[N], bool]) -> None:
        """Note how a host, or a bucket, is put back; `how` returns whether there was anything to undo."""
        self._steps.append((host, partial(how, host)))

    def everything(self) -> dict[Named, FabStaticError]:
        """Put all back, the last one first; return those that could not be.

        Whatever comes while one is put back, the others are put back too.
        """
        left: dict[Named, FabStaticError] = {}
        hosts = {host for host, _ in self._steps}  # one that has two roles is flipped for each
        if hosts:
            self._deploy.show.warn(f"putting {counted(len(hosts), 'host')} back to what was live")
        for host, how in reversed(self._steps):
            try:
                with self._deploy.timeline.going_back(), self._deploy.timeline.on(host.name):
                    is_undone = how()
                if is_undone:
                    self._deploy.undone.add(host)
            except (Exception, KeyboardInterrupt) as error:
                left[host] = expected(error, host.name)
                if left[host] is not error:  # a bug: its traceback is kept
                    self._deploy.show.warn(str(left[host]))
        self._deploy.left.update(left)
        return left


def _mend_of(deploy: Deployment, left: Mapping[Named, FabStaticError]) -> str:
    """Return what to do about what could not be put back; a bucket waits for the next command."""
    mends = [why.mend for one, why in left.items() if isinstance(one, Publication)]
    hosts = ", ".join(one.name for one in left if not isinstance(one, Publication))
    if hosts:
        mends.append(
            f"let {hosts} be reached again: a host that runs goes back on its own within "
            f"{deploy.environment.web.confirm_timeout:g} seconds; then run what stands below"
        )
    return "; ".join(mends)


def _in_a_line(error: BaseException) -> str:
    if isinstance(error, FabStaticError):
        return f"{error.what} ({error.where})"
    return "the operator's interruption" if isinstance(error, KeyboardInterrupt) else repr(error)
