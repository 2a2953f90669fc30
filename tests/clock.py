"""A clock that tests move on by hand."""


class Clock:
    """Seconds; `now` is set by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
