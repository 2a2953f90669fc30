"""Of a release whose bytes were changed on the way, no host makes anything live: also where the operator checks nothing.

The operator of these tests has no checks: it sends what it was given, and says of the seal what that has. The host
is offline. What it goes by is the list of those who may sign.
"""

import hashlib
import random
import subprocess
from collections import Counter

import pytest

from fab_static.host.agent.protocol import RECORD
from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.trust import OF_RELEASES, release_words
from tests.unit.host.agent.agents import (
    ALL,
    FILES,
    FakeAgent,
    everything_below,
    flip,
    seal_of,
    sha256_of,
)
from tests.unit.host.agent.test_trust import key, listed
from tests.unit.host.examples import examples

OLD, NEW = "20261122T170102Z-40b46b94", "20261123T170102Z-40b46b94"
VERSIONS = b"js/a.js: x\n"
STATEMENT = '{"how": "was it built?"}' * 40


def signature(signer, text):
    words = release_words(hashlib.sha256(text).hexdigest(), STATEMENT)
    sign = ["ssh-keygen", "-q", "-Y", "sign", "-n", OF_RELEASES, "-f", str(signer)]
    return subprocess.run(sign, input=words, stdout=subprocess.PIPE, check=True).stdout.decode()


def goes_live(agent, name, text, signed, statement=STATEMENT):
    """Hand a seal over and flip, as an operator does who compares nothing."""
    words = {"release": name, "sha256": sha256_of(text), "base": None, "roles": ALL}
    beside = {"signature": signed, "statement": statement}
    agent.ask("take_seal", text, builds=True, anew=True, **beside, **words)
    flip(agent, name)


# of what an archive brings: the seal, its signature, its statement, the objects
PLACES = examples(1000)
CONTENT = {path: data * 300 for path, data in FILES.items()}


def seal(name):
    return seal_of(name, CONTENT, versioned=["js/a.js"], versions=VERSIONS)


def put(agent, name, data):
    """Hand an object over, under a name that it may not have."""
    pack = RECORD.pack(bytes.fromhex(name), len(data)) + data
    agent.frames.extend([({"pack": "plain", "raw": len(pack)}, pack), ({"end": True}, b"")])
    agent.do("store")


def test_each_changed_byte_of_what_an_archive_brings_is_refused(agent, root, tmp_path):
    """An object comes in under no other name; no seal goes live without its signature, nor one by another's."""
    anna = key(tmp_path, "anna")
    agent.do("trust", listed(anna), size=len(listed(anna)), signature=None)
    for data in (*CONTENT.values(), VERSIONS):
        agent.do("put_object", data)
    goes_live(agent, OLD, seal(OLD), signature(anna, seal(OLD)))
    signed = signature(anna, seal(NEW))
    parts = [seal(NEW), signed.encode(), STATEMENT.encode(), *CONTENT.values(), VERSIONS]
    dice, refused, empty = random.Random(20), Counter(), FakeAgent(tmp_path / "empty")

    def brings(part, data):
        if part == 0:
            goes_live(agent, NEW, data, signed)
        elif part == 1:
            goes_live(agent, NEW, seal(NEW), data.decode("latin-1"))
        elif part == 2:
            goes_live(agent, NEW, seal(NEW), signed, data.decode("latin-1"))
        else:
            put(empty, sha256_of(parts[part]), data)

    for _ in range(PLACES):
        part = dice.choices(range(len(parts)), [len(one) for one in parts])[0]
        at = dice.randrange(len(parts[part]))
        data = bytearray(parts[part])
        data[at] ^= dice.randrange(1, 256)
        with pytest.raises(RefusedError):
            brings(part, bytes(data))
        assert agent.do("state")["current"] == OLD
        refused[min(part, 3)] += 1
    assert refused[0] > 0.15 * PLACES
    assert refused[1] > 0.02 * PLACES
    assert refused[2] > 0.02 * PLACES
    assert not [path for path in everything_below(tmp_path / "empty") if len(path) >= 64]
    goes_live(agent, NEW, seal(NEW), signed)
    assert agent.do("state")["current"] == NEW
