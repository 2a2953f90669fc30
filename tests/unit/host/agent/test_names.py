"""No name from outside leads out of the folder of an app."""

# the agent works with os.path, and so do its tests: names on a disk may be no Unicode
# ruff: noqa: PTH118

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.host.agent.names import checked_path
from fab_static.host.agent.refusals import RefusedError
from tests.unit.host.agent.agents import (
    EVIL,
    FILES,
    MANIFEST,
    A,
    FakeAgent,
    everything_below,
    seal_of,
)


def test_a_folder_of_another_app_is_never_touched(agent, root):
    agent.do("put_object", b"x")
    other = FakeAgent(root)
    other.host.environment = "staging"
    before = everything_below(root)
    for do in ("put_object", "write_journal", "state"):
        with pytest.raises(RefusedError) as caught:
            other.ask(do, b"y")
        assert caught.value.what == ("the folder belongs to shop production, not to shop staging")
        assert caught.value.mend == "give each app and environment a deploy_to of its own"
    assert everything_below(root) == before


odd = st.one_of(
    st.text(), st.binary().map(os.fsdecode), st.sampled_from(["..", ".", "", "a", "\0"])
)


@given(
    st.one_of(
        st.lists(odd, max_size=6).map("/".join),
        st.none(),
        st.integers(),
        st.lists(st.text()),
        st.binary(),
    )
)
def test_no_checked_path_leads_outside(name):
    try:
        path = checked_path(name)
    except RefusedError as error:
        assert "is not a path inside the static root" in error.what  # noqa: PT017
        return
    assert path == name
    assert "\0" not in path
    joined = os.path.normpath(os.path.join("/srv/shop/static", path))
    assert joined == "/srv/shop/static/" + path, "what is written is where it says, nothing else"


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize(
    "place", ["files", "versioned", "named", "manifest", "version", "object", "id"]
)
@pytest.mark.parametrize("roles", [["static"], ["web"]])
def test_a_seal_whose_names_lead_outside_writes_nothing_outside(tmp_path, evil, place, roles):
    root = tmp_path / "deep" / "deploy_to"
    agent = FakeAgent(root)
    for data in (*FILES.values(), b"a.js: x\n"):
        agent.do("put_object", data)
    seal = json.loads(seal_of(A, FILES, versioned=["js/a.js"], manifest=MANIFEST))
    file = seal["files"]["js/a.js"]
    if place == "files":
        seal["files"][evil] = file
    elif place == "versioned":
        seal["files"][evil] = file
        seal["versioned"][evil] = file["version"]
    elif place == "named":
        seal["named"].append(evil)
        seal["files"][evil] = file
    elif place == "manifest":
        seal["offline_manifest"]["path"] = evil
        seal["files"][evil] = file
    elif place == "version":
        seal["versioned"]["js/a.js"] = evil
    elif place == "object":
        file["sha256"] = evil
        seal["offline_manifest"]["sha256"] = evil
    else:
        seal["id"] = evil
    outside = everything_below(tmp_path)
    with pytest.raises(RefusedError):
        agent.do("build_release", json.dumps(seal).encode(), roles=roles)
    new = set(everything_below(tmp_path)) - set(outside)
    assert all(name.startswith("deep/deploy_to/") for name in new)
    assert not [name for name in new if "evil" in name]
    assert agent.host.releases() == []
