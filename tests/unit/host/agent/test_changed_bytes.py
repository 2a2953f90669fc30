"""Of a release whose bytes were changed on the way, no host makes anything live: also where the operator checks nothing.

The operator of these tests has no checks: it sends what it was given, and says of the seal what that has. The host
is offline. What it goes by is the list of those who may sign.
"""

import hashlib
import random
import subprocess

import pytest

from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.trust import OF_RELEASES, signed_words
from tests.unit.host.agent.agents import (
    ALL,
    FILES,
    FakeAgent,
    everything_below,
    flip,
    record_of,
    seal_of,
    sha256_of,
)
from tests.unit.host.agent.test_trust import key, listed

OLD, NEW = "20261122T170102Z-40b46b94", "20261123T170102Z-40b46b94"
VERSIONS = b"js/a.js: x\n"


def seal(name):
    return seal_of(name, FILES, versioned=["js/a.js"], versions=VERSIONS)


def changed(data, dice):
    at = dice.randrange(len(data))
    return data[:at] + bytes([data[at] ^ dice.randrange(1, 256)]) + data[at + 1 :]


def signature(signer, text):
    words = signed_words(hashlib.sha256(text).hexdigest())
    sign = ["ssh-keygen", "-q", "-Y", "sign", "-n", OF_RELEASES, "-f", str(signer)]
    return subprocess.run(sign, input=words, stdout=subprocess.PIPE, check=True).stdout.decode()


def goes_live(agent, name, text, signed):
    """Hand a seal over and flip, as an operator does who compares nothing."""
    words = {"release": name, "sha256": sha256_of(text), "base": None, "roles": ALL}
    agent.ask("take_seal", text, builds=True, anew=True, signature=signed, **words)
    flip(agent, name)


def test_each_changed_byte_of_a_seal_keeps_it_from_going_live(agent, root, tmp_path):
    anna = key(tmp_path, "anna")
    agent.do("trust", listed(anna), signature=None)
    for data in (*FILES.values(), VERSIONS):
        agent.do("put_object", data)
    goes_live(agent, OLD, seal(OLD), signature(anna, seal(OLD)))
    dice, signed = random.Random(20), signature(anna, seal(NEW))
    for _ in range(100):
        with pytest.raises(RefusedError):
            goes_live(agent, NEW, changed(seal(NEW), dice), signed)
        assert agent.do("state")["current"] == OLD
    goes_live(agent, NEW, seal(NEW), signed)
    assert agent.do("state")["current"] == NEW


def test_each_changed_byte_of_an_object_keeps_it_out(root):
    agent, dice = FakeAgent(root), random.Random(20)
    for _ in range(100):
        data = dice.choice([*FILES.values()])
        pack = record_of(data) + changed(data, dice)
        agent.frames.extend([({"pack": "plain", "raw": len(pack)}, pack), ({"end": True}, b"")])
        with pytest.raises(RefusedError):
            agent.do("store")
        assert not [one for one in everything_below(root) if one.endswith(sha256_of(data))]
