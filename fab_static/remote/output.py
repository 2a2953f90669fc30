"""What a command on a host said, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from fab_static.plan.wire import answers

KEPT_OUTPUT = 32 * 1024 * 1024  # bytes kept of a command's output, of its beginning and of its end


@dataclass(frozen=True)
class Ran:
    """How a command ended: its exit code and its output, both streams as they came."""

    code: int
    output: str
    timed_out: bool = False
    token: str | None = None  # of the record of what it read, where it was recorded
    unseen: str | None = None  # why that must not be used
    written: tuple[str, ...] = ()  # files outside what the caller keeps

    @classmethod
    def told(cls, head: answers.Ran, output: str) -> Ran:
        """Return what the head of an agent's answer says of a command with this output."""
        unseen = head.get("unseen")
        return cls(
            head["code"],
            output + head.get("cannot_start", ""),
            timed_out=head.get("timed_out", False),
            token=head.get("token"),
            unseen="; ".join(unseen) if unseen else None,
            written=tuple(head.get("written", ())),
        )


class Output:
    """What a command printed: all of it; of a very long output, the beginning and the end."""

    def __init__(self, most: int = KEPT_OUTPUT) -> None:
        self.size = 0
        self._most = most // 2
        self._begin = bytearray()
        self._end = bytearray()

    def add(self, piece: bytes) -> None:
        """Take one more piece."""
        self.size += len(piece)
        room = self._most - len(self._begin)
        self._begin += piece[:room]
        self._end += piece[room:]
        if len(self._end) > 2 * self._most:  # now and then, not at each piece
            del self._end[: -self._most]

    def all(self) -> bytes:
        """Return it; a line says how much is left out."""
        end = self._end[-self._most :]
        left_out = self.size - len(self._begin) - len(end)
        told = f"\n… {left_out:,} bytes are left out here …\n".encode() if left_out else b""
        return bytes(self._begin + told + end)
