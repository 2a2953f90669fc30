"""All hosts of an environment: works on them at once, and tells what failed on which."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, as_completed, wait
from typing import Any, TypeVar

from fab_static.errors import FabStaticError, InventoryError, RemoteError
from fab_static.plan.inventory import Environment
from fab_static.remote import patience
from fab_static.remote.clients import client_of
from fab_static.remote.host import RemoteHost
from fab_static.workers import Workers

T = TypeVar("T")


class Fleet:
    """All hosts of an environment."""

    def __init__(self, environment: Environment, tell: Callable[[str], None] | None = None) -> None:
        """Take all hosts; nothing is asked or opened yet.

        Args:
            environment: whose hosts they are.
            tell: takes words of warning, each once.
        """
        self.environment = environment
        connection_to = client_of(environment, tell)
        self.hosts = tuple(
            RemoteHost(host, environment, connection_to(host)) for host in environment.hosts
        )
        self._workers = Workers(environment.ssh.parallel, "fab_static host")
        self._is_closed = threading.Event()
        if not all(host.host.local for host in self.hosts):
            words = (weakref.ref(self), self._is_closed)
            name = "fab_static keeper"
            threading.Thread(target=_keep, args=words, name=name, daemon=True).start()

    def with_role(self, *roles: str) -> tuple[RemoteHost, ...]:
        """Return the hosts with any of the roles, in the inventory's order."""
        return tuple(host for host in self.hosts if set(roles) & set(host.roles))

    @property
    def build(self) -> RemoteHost:
        """The one host that builds, and keeps lock, journal and record."""
        return self.hosts[self.environment.hosts.index(self.environment.build_host)]

    def on(
        self, hosts: Iterable[RemoteHost], work: Callable[[RemoteHost], T]
    ) -> dict[RemoteHost, T]:
        """Do the work on all hosts at once, wait for all of them, and return what each answered.

        Raises:
            FabStaticError: of the one host that failed, or one that names every one that did.
        """
        results, failures = self.attempt(hosts, work)
        if failures:
            raise together(failures)
        return results

    def attempt(
        self, hosts: Iterable[RemoteHost], work: Callable[[RemoteHost], T]
    ) -> tuple[dict[RemoteHost, T], dict[RemoteHost, FabStaticError]]:
        """Do the work on all hosts at once; return the answers and the failures.

        A bug on one host is raised once the work on all hosts has ended.

        Raises:
            InventoryError: ssh's configuration cannot be followed; nothing was contacted.
        """
        waiting: dict[Future[T], RemoteHost] = {}
        results: dict[RemoteHost, T] = {}
        failures: dict[RemoteHost, FabStaticError] = {}
        bugs: dict[RemoteHost, Exception] = {}
        try:
            for host in hosts:
                waiting[self._workers.submit(work, host)] = host
            for future in as_completed(waiting):
                host = waiting[future]
                try:
                    results[host] = future.result()
                except FabStaticError as error:
                    failures[host] = error
                except Exception as error:
                    bugs[host] = error
        except BaseException:
            _end(waiting)
            raise
        for failure in failures.values():
            # of no host: all ways are found before the first is opened
            if isinstance(failure, InventoryError):
                raise failure
        order = list(waiting.values())
        for host, bug in _in_order(bugs, order).items():
            bug.add_note(f"on {', '.join(one.name for one in bugs)}; the first: {host.name}")
            raise bug
        return _in_order(results, order), _in_order(failures, order)

    def close(self) -> None:
        """End all agents and connections."""
        self._is_closed.set()
        for host in self.hosts:
            with contextlib.suppress(Exception):  # whatever one says, the others are closed
                host.connection.close()  # first: nothing is said to a host that may take no word
                host.close_agent()
        self._workers.close()


def _keep(fleet: weakref.ref[Fleet], is_closed: threading.Event) -> None:
    """Keep what is open to the hosts from looking idle, until the fleet is closed, or nobody has it any more.

    sshd may close a channel on which nothing is said (ChannelTimeout), and so may whatever lies between.
    """
    while not is_closed.wait(patience.IDLE_SECONDS):
        kept = fleet()
        if kept is None:
            return
        for host in kept.hosts:
            if not host.host.local:
                host.keep()
        del kept


def _end(waiting: Mapping[Future[Any], RemoteHost]) -> None:
    """End the work that is under way: Ctrl-C."""
    begun = [future for future in waiting if not future.cancel()]
    for future in begun:
        if not future.done():
            waiting[future].cancel()
    for future in wait(begun, patience.CANCEL_SECONDS).not_done:
        waiting[future].close_agent()
    wait(begun, 1)


def _in_order(answers: Mapping[RemoteHost, T], order: Iterable[RemoteHost]) -> dict[RemoteHost, T]:
    return {host: answers[host] for host in order if host in answers}


def together(failures: Mapping[RemoteHost, FabStaticError]) -> FabStaticError:
    """Return one error that names every host that failed."""
    if len(failures) == 1:
        return next(iter(failures.values()))
    errors = list(failures.values())
    kind = type(errors[0]) if len({type(error) for error in errors}) == 1 else RemoteError
    cures = {error.instead for error in errors}
    return kind(
        f"{len(failures)} hosts failed:\n"
        + "\n".join(f"  {error.where}: {error.what}" for error in errors),
        where=", ".join(host.name for host in failures),
        mend="\n         ".join(dict.fromkeys(error.mend for error in errors)),
        instead=cures.pop() if len(cures) == 1 else None,
    )
