"""Hosts whose channel is played by the test, and what they say."""

import json
import tracemalloc

import pytest

from fab_static.errors import RemoteError
from fab_static.host.agent.protocol import FRAME
from fab_static.plan.inventory import Environment, Host, Project, Ssh
from fab_static.remote import RemoteHost

FACTS = {
    **{"free_bytes": 1, "free_inodes": 1, "writable": True, "exists": True, "now": 1.0},
    **{"inodes": None, "unwritable": [], "elsewhere": [], "exposed": [], "is_a_groups": False},
}


def environment_at(folder, names=("build1",), **ssh):
    return Environment(
        name="production",
        app="shop",
        deploy_to=f"{folder}/{{host}}",
        hosts=tuple(Host(name, name, ("build", "static"), local=True) for name in names),
        project=Project(path="/srv/shop/code"),
        ssh=Ssh(**ssh),
    )


def frame(head, body=b""):
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return FRAME.pack(len(text), len(body)) + text + body


class Wire:
    """A channel whose other end is played by the test: bytes, or what is done instead."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.sent = []
        self.closed = False

    def send(self, data):
        self.sent.append(bytes(data))

    def is_ready(self):
        return True

    def has_ended(self):
        return self.closed

    def receive(self, most, timeout_seconds):
        if self.closed or not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if isinstance(piece, BaseException):
            raise piece
        if callable(piece):
            piece = piece(timeout_seconds)
        if len(piece) > most:
            self.pieces.insert(0, piece[most:])
        return piece[:most]

    def last_words(self):
        return None, ""

    def close(self):
        self.closed = True

    def heads(self):
        """Return the heads of all that was sent."""
        data, heads = b"".join(self.sent), []
        while data:
            head, body = FRAME.unpack_from(data)
            heads.append(json.loads(data[FRAME.size : FRAME.size + head]))
            data = data[FRAME.size + head + body :]
        return heads


class Ticking(Wire):
    """Ticks for ever, and counts what is done or does not."""

    def __init__(self, moves=lambda: 0, then=()):
        super().__init__(*then)
        self.moves = moves

    def receive(self, most, timeout_seconds):
        if self.closed:
            return b""
        return super().receive(most, timeout_seconds) or frame(
            {"tick": True, "moved": self.moves()}
        )


def host_with(channel, tmp_path, **ssh):
    environment = environment_at(tmp_path, **ssh)
    host = RemoteHost(environment.hosts[0], environment)
    host._agent._channel = channel
    return host


def peak(work):
    """Return the most memory, in bytes, that was taken meanwhile."""
    tracemalloc.start()
    try:
        with pytest.raises(RemoteError) as caught:
            work()
        return tracemalloc.get_traced_memory()[1], caught.value
    finally:
        tracemalloc.stop()
