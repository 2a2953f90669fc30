"""The list of allowed signers: a host that has one takes another only by word of somebody on it."""

import hashlib
import subprocess

import pytest

from fab_static.host.agent.refusals import RefusedError
from fab_static.host.agent.trust import OF_SIGNERS, signed_change
from tests.unit.host.agent.agents import FakeAgent


def key(folder, name):
    path = folder / name
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
    subprocess.run(words, check=True)
    return path


def listed(*keys):
    lines = ["{} {}".format(one.name, one.with_suffix(".pub").read_text()) for one in keys]
    return "".join(lines).encode()


def change(signer, before, after):
    words = signed_change(*(hashlib.sha256(one).hexdigest() for one in (before, after)))
    sign = ["ssh-keygen", "-q", "-Y", "sign", "-n", OF_SIGNERS, "-f", str(signer)]
    return subprocess.run(sign, input=words, stdout=subprocess.PIPE, check=True).stdout.decode()


def test_the_first_list_is_taken_as_it_comes_and_another_with_its_word(root, tmp_path):
    agent, first, second = FakeAgent(root), key(tmp_path, "first"), key(tmp_path, "second")
    assert agent.do("signers") == {"sha256": None, "unable": None}
    one, two = listed(first), listed(second)
    agent.do("trust", one, size=len(one), signature=None)
    for signature in (None, "x", change(second, one, two)):
        with pytest.raises(RefusedError, match="takes a new list"):
            agent.do("trust", two, size=len(two), signature=signature)
    agent.do("trust", two, size=len(two), signature=change(first, one, two))
    assert agent.do("signers")["sha256"] == hashlib.sha256(two).hexdigest()
