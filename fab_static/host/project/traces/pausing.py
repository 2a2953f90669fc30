"""How the recorder of this process is told to look away: what we do ourselves is not part of the run."""

from __future__ import annotations

import contextlib
from typing import Callable, ContextManager

paused: Callable[[], ContextManager[None]] = contextlib.nullcontext  # a recorder sets its own
