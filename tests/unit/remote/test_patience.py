"""How long the operator waits for a host: as the inventory says, but never less than a few ticks."""

import pytest

from fab_static.host.agent.protocol import TICK_SECONDS
from fab_static.plan.inventory import Ssh
from fab_static.remote import patience


@pytest.mark.parametrize(
    ("limit", "silence", "stall"),
    [
        (1800.0, patience.SILENCE_SECONDS, patience.STALL_SECONDS),
        (60.0, patience.SILENCE_SECONDS, 60.0),
        (20.0, 20.0, 20.0),
        (0.1, 3 * TICK_SECONDS, 3 * TICK_SECONDS),  # else an agent that works would be given up
    ],
)
def test_a_host_may_be_silent_or_stand_still_as_long_as_a_command_may_take(limit, silence, stall):
    ssh = Ssh(command_timeout=limit)
    assert patience.silence_seconds(ssh) == silence
    assert patience.stall_seconds(ssh) == stall


def test_an_agent_may_take_as_long_to_speak_as_the_way_to_it_may_take():
    assert patience.start_seconds(Ssh(connect_timeout=1)) == patience.SILENCE_SECONDS
    assert patience.start_seconds(Ssh(connect_timeout=120)) == 120
