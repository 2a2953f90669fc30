"""What holds for every test."""

import signal


def pytest_configure() -> None:
    """Let programs under test get Ctrl-C and a closed terminal, also where nobody else gets them here.

    A process that `nohup` started, or a shell in its background, ignores them, and so do its children.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
