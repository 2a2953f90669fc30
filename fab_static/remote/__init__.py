"""CARRIES: SSH connections, the channel to each host's agent, and work on many hosts at once.

This folder alone imports paramiko. It decides nothing and knows no phase. A host may say anything: an answer
counts only within bounds, in time, and in the shape of plan/wire/.

From the socket up:

- line, ssh/ (the way to each host, as `ssh` would go), channels;
- client (what a connection answers), connection (by Fabric's client), openssh/ (by the operator's own ssh), clients;
- frames, sent, opening, starting, agent_channel;
- requests, packs, output, foreseen (what was asked before it was wanted), host, fleet.

patience holds how long each may take. Other parts of the package import only the names in `__all__`, from here.
"""

from fab_static.remote.fleet import Fleet, together
from fab_static.remote.foreseen import Question
from fab_static.remote.frames import Head
from fab_static.remote.host import RemoteHost
from fab_static.remote.output import Ran
from fab_static.remote.patience import CANCEL_SECONDS
from fab_static.remote.sent import deflated
from fab_static.remote.ssh.login import locked_key

__all__ = [
    "CANCEL_SECONDS",
    "Fleet",
    "Head",
    "Question",
    "Ran",
    "RemoteHost",
    "deflated",
    "locked_key",
    "together",
]
