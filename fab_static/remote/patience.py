"""How long the operator waits for a host, and for what."""

from __future__ import annotations

from fab_static.host.agent.protocol import TICK_SECONDS
from fab_static.plan.inventory import Ssh

SILENCE_SECONDS = 30.0  # how long a host may say nothing
STALL_SECONDS = 120.0  # how long work may stand still; to write much to a slow disk takes its time
SESSION_SECONDS = 10.0  # how long a host may take to open a session
IDLE_SECONDS = TICK_SECONDS  # how long nothing is said to an agent that has nothing to do
CANCEL_SECONDS = 2.0  # how long a host may take to end what was interrupted
WORDS_SECONDS = 3.0  # how long standard error is read of a process that has failed


def silence_seconds(ssh: Ssh) -> float:
    """Return how long an agent that works may say nothing: some of its ticks at least."""
    return max(3 * TICK_SECONDS, min(SILENCE_SECONDS, ssh.command_timeout))


def stall_seconds(ssh: Ssh) -> float:
    """Return how long an agent may tick while nothing moves."""
    return max(3 * TICK_SECONDS, min(STALL_SECONDS, ssh.command_timeout))


def start_seconds(ssh: Ssh) -> float:
    """Return how long an agent may take to speak after the login."""
    return max(SILENCE_SECONDS, ssh.connect_timeout or 0)
