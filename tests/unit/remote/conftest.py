"""What tests of connections share."""

from tests.unit.remote.ssh.conftest import reached

__all__ = ["reached"]
