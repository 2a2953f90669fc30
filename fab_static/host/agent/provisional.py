"""The note of a flip that nobody has confirmed yet."""

from __future__ import annotations

from fab_static.host.agent.names import is_release
from fab_static.host.agent.plain import folder_of_others

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fab_static.host.agent.protocol import Head
    from fab_static.host.agent.store import Host

PROVISIONAL = "provisional.json"
UNION = "union.json"  # the offline manifest of web processes while some may still be of the release before


def provisional_flip(host: Host) -> Head | None:
    """Return how to go back from a flip that nobody confirmed, or whose way back is not at its end.

    An agent that died before it moved `current` leaves a note of a flip that never was: None.
    """
    known = noted_flip(host)
    if known is None or not (known["release"] == host.live() or known["back"]):
        return None
    why = host.why_not_ours(PROVISIONAL) or folder_of_others(host.root)
    if why:
        host.odd[PROVISIONAL] = why + "; what it says of a flip is not obeyed"
    return None if why else known


def noted_flip(host: Host) -> Head | None:
    """Return the note of a flip, whoever wrote it, or None if there is none, or a strange one."""

    def is_sound(note: Head) -> bool:
        return (
            is_release(note.get("release"))
            and all(
                note.get(key) is None or is_release(note[key]) for key in ("current", "previous")
            )
            and isinstance(note.get("back"), bool)
        )

    known = host.known(PROVISIONAL, is_sound)
    return known and {key: known.get(key) for key in ("release", "current", "previous", "back")}
