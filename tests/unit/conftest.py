import pytest
from hypothesis import HealthCheck, settings

# two busy cores make one example slow now and then: no deadline, the suite's seconds are watched instead
settings.register_profile(
    "unit",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def no_colour_from_outside(monkeypatch):
    """What the developer's own shell says of colours changes no test."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
