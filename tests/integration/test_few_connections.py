"""SSH servers with the limits that they have by default, and narrower ones: a whole fleet gets in (fleet A4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from fab_static.errors import RemoteError
from tests.integration.one_sshd import BEHIND, Hosts


def test_hosts_behind_a_gateway_share_one_connection_to_it(tmp_path: Path) -> None:
    """Each host opened its own: 41 logins at a bastion that lets ten begin."""
    with Hosts(tmp_path, 20) as hosts:
        with hosts.session(ssh=BEHIND) as (session, told):
            states = session.status()["hosts"]
        assert [state["error"] for state in states] == [None] * 20
        assert hosts.gateway.logins == 1
        assert hosts.sshd.logins == 20
        assert not told.warned


def test_many_hosts_that_are_one_server_get_in_with_its_default_limits(tmp_path: Path) -> None:
    with Hosts(tmp_path, 20) as hosts:
        with hosts.session() as (session, told):
            states = session.status()["hosts"]
        assert [state["error"] for state in states] == [None] * 20
        assert hosts.sshd.logins == 20
        assert not told.warned


def test_a_server_that_takes_one_login_at_once_is_tried_again_and_that_is_told(
    tmp_path: Path,
) -> None:
    with Hosts(tmp_path, 12, more="MaxStartups 1") as hosts:
        with hosts.session() as (session, told):
            states = session.status()["hosts"]
        assert [state["error"] for state in states] == [None] * 12
        assert hosts.sshd.logins == 12
        assert len([text for text in told.warned if "takes no more logins" in text]) == 1


@pytest.mark.parametrize("client", ["fabric", "openssh"])
def test_a_server_that_opens_one_session_alone_is_told_with_its_cure(
    tmp_path: Path, client: str
) -> None:
    with (
        Hosts(tmp_path, 1, more="MaxSessions 1") as hosts,
        hosts.session(ssh={"client": client}) as (session, _),
        pytest.raises(RemoteError) as caught,
    ):
        session.deploy()
    assert caught.value.what.startswith(
        "the SSH server opens no further session on a connection that has one ("
    )
    assert caught.value.where == "host0"
    assert caught.value.mend.startswith("let it open three: MaxSessions 3 in its sshd_config")


def test_a_gateway_whose_connection_was_cut_is_opened_anew(tmp_path: Path) -> None:
    with Hosts(tmp_path, 3) as hosts:
        with hosts.session(ssh=BEHIND) as (session, _):
            session.status()
            hosts.gateway.cut()
            states = session.status()["hosts"]
        assert [state["error"] for state in states] == [None] * 3
        assert hosts.gateway.logins == 2
