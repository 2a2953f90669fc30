"""The modules of host/project/, which are sent here for the project's Python."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.wire import Agent


def learn(agent: Agent, head: Head, body: bytes) -> tuple[Head, bytes]:
    """Take in host/project/. Body: its archive; or the head has the SHA-256 of one that may be kept here."""
    if "sha256" in head and not body:
        from fab_static.host.agent.programs import kept_program  # late: most hosts run nothing

        body = kept_program(agent.host, head["sha256"])
        if not body:
            agent.send({"lacks": head["sha256"]})
            body = agent.next_to("learn")
    agent.project = body
    # the loader of an archive takes in another; in a test these modules are files
    add = getattr(globals().get("__loader__"), "add", None)
    if add:
        add(body)
    return {}, b""


def input_of(agent: Agent, head: Head, body: bytes) -> bytes:
    """Return the standard input of a command: a program with the project's modules, where it runs one of them."""
    if not head.get("main"):
        return body
    from fab_static.host.loader import program  # late: most hosts run nothing

    return program(agent.project, head["main"])
